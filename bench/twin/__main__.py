"""`make bench-twin [TRACES=DIR]`: can the twin's engines be believed, and how fast are they?

Waits of the event engine at five points beside M/M/c and Ciw; then the fluid engine beside the
event engine, all autoscalers on all traces. Writes out/bench-twin.json; exits 0 whatever it
measured, 2 if a trace cannot be read. With two traces of three days: 20 minutes of CPU, most of it
the event engine's.
"""

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from bench.control.policies import POLICIES
from bench.twin.agreement import SEEDS, EngineName, Job, compared, engine_speed, run
from bench.twin.waits import PATIENT, POINTS, ciw_waits, event_waits, fluid_waits
from knowledge.erlang import mean_wait_ms
from twin.scaling.workload import SYNTHETIC, TraceError

OUT: Final = Path("out") / "bench-twin.json"
REQUESTS: Final = 6_000_000
CIW_REQUESTS: Final = 300_000


def waits(requests: int, ciw_requests: int) -> list[dict[str, float]]:
    """Return, per point, the mean wait by theory and by each simulator, with its interval."""
    rows = []
    for point in POINTS:
        row = {
            "workers": point.workers,
            "used": point.used,
            "m_m_c_ms": mean_wait_ms(point.workers, point.rate, PATIENT.service_ms_mean),
        }
        for name, found in (
            ("event", event_waits(point, requests=requests, seed=1)),
            ("fluid", fluid_waits(point, requests=requests, seed=1)),
            ("ciw", ciw_waits(point, requests=ciw_requests, seed=1)),
        ):
            row[f"{name}_ms"] = found.mean_ms
            row[f"{name}_half_width_ms_95"] = found.half_width_ms(0.95)
        rows.append(row)
        print("  ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
    return rows


def agreement(folder: str | None, traces: list[str], policies: list[str]) -> dict[str, Any]:
    """Return, per trace and policy, both engines' figures and how far they are apart."""
    jobs = [
        Job(trace=trace, folder=folder, policy=policy, engine=engine, number=number)
        for trace in traces
        for policy in policies
        for engine, seeds in SEEDS.items()
        for number in range(seeds)
    ]
    table: dict[str, Any] = {trace: {} for trace in traces}
    gathered: dict[tuple[str, str], dict[EngineName, list[dict[str, float]]]] = {}
    # not forked: threads of polars, begun by a trace that was read here, would not live on
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=context) as pool:
        for job, figures in zip(jobs, pool.map(run, jobs), strict=True):
            found = gathered.setdefault((job.trace, job.policy), {name: [] for name in SEEDS})
            found[job.engine].append(figures)
            if all(len(found[name]) == seeds for name, seeds in SEEDS.items()):
                table[job.trace][job.policy] = compared(found)
                print(f"{job.trace} {job.policy}: {table[job.trace][job.policy]}", flush=True)
    return table


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="bench-twin", description=__doc__)
    parser.add_argument("--traces", default="", help="folder of *.parquet; none: made-up days")
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--requests", type=int, default=REQUESTS, help="per point of the waits")
    options = parser.parse_args()
    names = sorted(path.stem for path in Path(options.traces).glob("*.parquet"))
    if not options.traces or not names:
        print(f"no *.parquet in TRACES={options.traces!r}: one made-up day each, no recordings")
    folder, names = (options.traces, names) if options.traces and names else (None, list(SYNTHETIC))
    OUT.parent.mkdir(exist_ok=True)
    try:
        found = {
            "waits": waits(options.requests, min(options.requests, CIW_REQUESTS)),
            "engine_simulated_s_per_cpu_s": {name: engine_speed(name, folder) for name in names},
            "agreement": agreement(folder, names, options.policies),
        }
    except TraceError as error:
        print(error, file=sys.stderr)
        return 2
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(f"written: {OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
