"""The same question as `absence`, of the detector alone, on drawn columns: many runs in minutes.

Calls are Poisson streams over the town's edges, at one to twenty times its traffic; a part of them
gets no answer anyway. Telemetry is cut, late (rows after the watermark are as good as lost),
sampled one to a hundred, or half of the services are silent. The cluster tells by readiness, by
probes, or is not there. `make bench-absence` runs both.
"""

import argparse
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import polars as pl

from analysis.detectors.absence import Presences, detect_absence
from analysis.settings import AnalysisSettings
from bench.faults.absence import KINDS, MORTAL
from knowledge.cluster import ClusterReport, Pod, Probe, Workload
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.windows import WindowTables

S: Final = 10**9
PANE_S: Final = 5
WARM: Final = 12
PANES: Final = 36
DEATH: Final = WARM + 4
EDGES: Final = (
    ("gateway", "search", 3.6),
    ("gateway", "rates", 5.6),
    ("gateway", "catalog", 2.0),
    ("gateway", "orders", 2.0),
    ("search", "stock", 3.6),
    ("catalog", "stock", 2.0),
    ("orders", "payment", 2.0),
)
NAMES: Final = ("gateway", "search", "catalog", "orders", "payment", "stock", "rates")
SETTINGS: Final = AnalysisSettings()
_EMPTY: Final = WindowTables.empty(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is drawn for one run. `mute`: whose telemetry does not arrive while it is disturbed."""

    mute: frozenset[str]
    share: float
    until: int
    traffic: float
    lost_ratio: float
    victim: str
    word: str


def drawn(seed: int, kind: str, victim: str) -> Run:
    """Draw a run."""
    rng = Random(f"{seed} columns {kind}")
    some = frozenset(rng.sample(NAMES, rng.randint(1, len(NAMES))))
    half = frozenset(rng.sample(NAMES, len(NAMES) // 2))
    mute = {"cut": some, "delayed": some, "sampled": frozenset[str](), "half silent": half}[kind]
    return Run(
        mute=mute,
        share=0.01 if kind == "sampled" else 1.0,
        until=PANES if rng.random() < 0.5 else rng.randint(DEATH, PANES),
        traffic=rng.uniform(1.0, 20.0),
        lost_ratio=rng.choice([0.001, 0.05, 0.3, 0.6]),
        victim=victim,
        word=rng.choice(["probes", "readiness", "none"]),
    )


def look(run: Run, pane: int, rng: np.random.Generator) -> WindowTables:
    """The columns of one pane."""
    is_disturbed = WARM <= pane < run.until
    mute = run.mute if is_disturbed else frozenset[str]()
    share = run.share if is_disturbed else 1.0
    dead = run.victim if pane >= DEATH else ""
    rows = []
    served = dict.fromkeys(NAMES, 0)
    served["gateway"] = int(rng.poisson(7.6 * run.traffic * PANE_S * share))
    for caller, callee, rate_per_s in EDGES:
        calls = 0 if caller == dead else int(rng.poisson(rate_per_s * run.traffic * PANE_S * share))
        served[callee] += calls
        lost = calls if callee == dead else int(rng.binomial(calls, run.lost_ratio))
        if caller in mute or not calls:
            continue
        is_answered = callee not in mute and callee != dead
        rows.append(
            {
                "namespace": "town",
                "service": callee if is_answered else "",
                "peer": callee,
                "served_count": 0,
                "call_count": calls,
                "lost_count": lost,
                "answered_count": calls if is_answered else 0,
            }
        )
    rows += [
        {
            "namespace": "town",
            "service": name,
            "peer": "",
            "served_count": count,
            "call_count": 0,
            "lost_count": 0,
            "answered_count": 0,
        }
        for name, count in served.items()
        if count and name not in mute and name != dead
    ]
    end = (3600 + (pane + 1) * PANE_S) * S
    recent = pl.DataFrame(rows, schema=_EMPTY.recent.schema)
    return replace(_EMPTY, start_unix_ns=end - 60 * S, end_unix_ns=end, recent=recent)


def report(run: Run, pane: int) -> ClusterReport | None:
    """What the cluster says: that the dead fail our probe, or that none is ready, or nothing."""
    if run.word == "none":
        return None
    workloads, pods = [], []
    for name in NAMES:
        is_dead = name == run.victim and pane >= DEATH + 2
        key = _key(name)
        ready = 0 if is_dead and run.word == "readiness" else 2
        probe: Probe = "unknown"
        if run.word == "probes":
            probe = "failed" if is_dead else "ok"
        workloads.append(
            Workload(
                key=key,
                resource_version="1",
                replicas=2,
                ready_replicas=ready,
                strategy="RollingUpdate",
                revisions=(),
                revision=1,
                is_rolling=False,
                is_opted_in=True,
                steered_by=None,
                replicas_max=4,
            )
        )
        pods += [_pod(key, index, probe, is_ready=index < ready) for index in range(2)]
    now = (3600 + (pane + 1) * PANE_S) * S
    return ClusterReport(observed_unix_ns=now, workloads=tuple(workloads), pods=tuple(pods))


def _key(name: str) -> WorkloadKey:
    return WorkloadKey(namespace="town", kind="Deployment", name=name, uid=f"w-{name}")


def _pod(key: WorkloadKey, index: int, probe: Probe, *, is_ready: bool) -> Pod:
    return Pod(
        name=f"{key.name}-{index}",
        uid=f"{key.name}-{index}",
        workload=key,
        revision=1,
        ready=is_ready,
        restart_count=0,
        oom_killed=False,
        started_unix_ns=0,
        cpu_ratio=None,
        memory_ratio=None,
        probe=probe,
    )


def told(run: Run, seed: int) -> dict[str, int]:
    """Return who is told to be down, and in which pane first."""
    rng = np.random.default_rng(seed)
    keys = {ServiceKey(namespace="town", name=name): _key(name) for name in NAMES}
    presences, found = Presences(), dict[str, int]()
    for pane in range(PANES):
        tables = look(run, pane, rng)
        presences, symptoms = detect_absence(
            presences.after(tables),
            tables.end_unix_ns,
            report(run, pane),
            keys,
            SETTINGS,
            now_unix_ns=tables.end_unix_ns,
        )
        for symptom in symptoms:
            if symptom.health == "unhealthy":
                found.setdefault(symptom.service.name, pane)
    return found


def measure(runs: int) -> dict[str, object]:
    """Run `runs` without a death and as many with one."""
    false: list[tuple[str, int, str]] = []
    groups: dict[str, Counter[str]] = {"found": Counter(), "dead": Counter()}
    delays: list[float] = []
    for seed in range(runs):
        kind = KINDS[seed % len(KINDS)]
        false += [(kind, seed, name) for name in told(drawn(seed, kind, ""), seed)]
        victim = MORTAL[seed % len(MORTAL)]
        run = drawn(seed, kind, victim)
        found = told(run, seed)
        group = f"{kind}, cluster says by {run.word}"
        groups["dead"][group] += 1
        groups["found"][group] += victim in found
        if victim in found:
            delays.append((found[victim] + 1 - DEATH) * PANE_S)
        false += [(kind, seed, name) for name in found if name != victim]
    counts = {g: [groups["found"][g], n] for g, n in sorted(groups["dead"].items())}
    told_by = [pair for group, pair in counts.items() if not group.endswith("none")]
    return {
        "runs_without_death": runs,
        "runs_with_death": runs,
        "false_service_down": len(false),
        "false": false[:50],
        "found_ratio": sum(f for f, _ in counts.values()) / max(1, runs),
        "found_ratio_with_cluster": sum(f for f, _ in told_by) / max(1, sum(n for _, n in told_by)),
        "found": counts,
        "delay_s_median": float(np.median(delays)) if delays else None,
        "delay_s_p95": float(np.quantile(delays, 0.95)) if delays else None,
    }


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(prog="bench.faults.absence_columns", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    scores = json.dumps(measure(options.runs), indent=2)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench-absence-columns.json").write_text(scores + "\n")
    print(scores)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
