"""`make bench-control [TRACES=DIR]`: all autoscalers, judged on the same requests one by one.

Writes out/bench-control.json and, beside it, the same by day and a picture per trace. With
`--pareto` it draws the curve of violations over replica-hours instead: the autoscalers with one
figure of each swept.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from bench.control.draw import draw_pareto, draw_run
from bench.control.policies import POLICIES, SWEEPS
from twin.scaling.judge import violations
from twin.scaling.pod_models import model_for
from twin.scaling.run import TICK_S, simulate
from twin.scaling.workload import DAY_S, SYNTHETIC, TraceError, Workload, read_trace

SEED: Final = 20_261_124
OUT: Final = Path("out")
SYNTHETIC_DAYS: Final = 1
Job = tuple[str, str | None, str, float | None]
"""Trace, its folder (None: made up), policy, and the swept figure (None: as it is)."""


def workload_of(name: str, folder: str | None) -> Workload:
    """Return a trace by name, scaled as its model says; the same for all policies."""
    if folder is None:
        return SYNTHETIC[name](SYNTHETIC_DAYS, SEED)
    return read_trace(Path(folder) / f"{name}.parquet", model_for(name), seed=SEED)


def run_one(job: Job) -> tuple[Job, dict[str, float], dict[str, Any]]:
    """Run one policy on one trace; the score, and what to draw of it, by minute."""
    name, folder, policy, swept = job
    model, workload = model_for(name), workload_of(name, folder)
    chosen = POLICIES[policy](model) if swept is None else SWEEPS[policy][0](model, swept)
    run = simulate(workload, model, chosen, seed=SEED)
    score = run.score()
    late = violations(run.record.arrived, run.record.slow, model)
    minutes = len(late) // 60
    figures = {
        "slo_violation_s": score.slo_violation_s,
        "replica_hours": round(score.replica_hours, 2),
        "reversals": score.reversals,
    }
    drawn = {
        "rate": (workload.counts[: minutes * 60].reshape(-1, 60).mean(axis=1)).tolist(),
        "replicas": run.replicas[:: 60 // TICK_S][:minutes],
        "late": late[: minutes * 60].reshape(-1, 60).sum(axis=1).tolist(),
        "scale_downs_in_gaps": run.scale_downs_in_gaps,
        "days": [
            {
                "slo_violation_s": int(late[from_s : from_s + DAY_S].sum()),
                "replica_hours": round(
                    sum(run.replicas[from_s // TICK_S : (from_s + DAY_S) // TICK_S])
                    * TICK_S
                    / 3600,
                    2,
                ),
            }
            for from_s in range(0, len(late), DAY_S)
        ],
    }
    return job, figures, drawn


def main() -> int:
    """Run what is asked for; 2 if a trace cannot be read."""
    parser = argparse.ArgumentParser(prog="bench-control", description=__doc__)
    parser.add_argument("--traces", default="", help="folder of *.parquet; none: synthetic ones")
    parser.add_argument("--pareto", action="store_true", help="sweep instead")
    options = parser.parse_args()
    folder, names = _traces(options.traces)
    jobs: list[Job] = [
        (name, folder, policy, swept)
        for name in names
        for policy, swept in (_swept() if options.pareto else [(p, None) for p in POLICIES])
    ]
    OUT.mkdir(exist_ok=True)
    table: dict[str, dict[str, dict[str, float]]] = {name: {} for name in names}
    drawn: dict[str, dict[str, Any]] = {name: {} for name in names}
    try:
        with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            for job, figures, picture in pool.map(run_one, jobs):
                name, _, policy, swept = job
                key = policy if swept is None else f"{policy}@{swept:g}"
                table[name][key], drawn[name][key] = figures, picture
                print(_line(name, key, figures, picture), flush=True)
    except TraceError as error:
        print(error, file=sys.stderr)
        return 2
    stem = "bench-control-pareto" if options.pareto else "bench-control"
    (OUT / f"{stem}.json").write_text(json.dumps(table, indent=2) + "\n")
    days = {name: {key: drawn[name][key]["days"] for key in drawn[name]} for name in names}
    (OUT / f"{stem}-days.json").write_text(json.dumps(days, indent=2) + "\n")
    for name in names:
        path = OUT / f"{stem}-{name}.svg"
        if options.pareto:
            draw_pareto(path, name, table[name])
        else:
            draw_run(path, name, drawn[name])
    print(f"written: {OUT / stem}.json and a picture per trace beside it")
    return 0


def _traces(folder: str) -> tuple[str | None, list[str]]:
    """The folder and the stems in it; without one, the synthetic workloads."""
    names = sorted(path.stem for path in Path(folder).glob("*.parquet")) if folder else []
    if names:
        return folder, names
    reason = f"no *.parquet in {folder}" if folder else "no TRACES=DIR given"
    print(f"{reason}: SYNTHETIC workloads are used, one day each; they are no recordings")
    return None, list(SYNTHETIC)


def _swept() -> list[tuple[str, float | None]]:
    return [(policy, value) for policy, (_, values) in SWEEPS.items() for value in values]


def _line(name: str, key: str, figures: dict[str, float], picture: dict[str, Any]) -> str:
    return (
        f"{name:24} {key:16} violation {figures['slo_violation_s']:>7.0f} s  "
        f"{figures['replica_hours']:>8.1f} replica-hours  {figures['reversals']:>5.0f} reversals  "
        f"{picture['scale_downs_in_gaps']} scale-downs without telemetry"
    )


if __name__ == "__main__":
    sys.exit(main())
