"""The fluid engine beside the event engine: all autoscalers on traces of days, and its speed.

A run is drawn by chance in either engine. So each runs with several seeds; compared are the means,
and the spread is told: where a policy is late for a minute in three days, chance is most of it.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from bench.control.policies import POLICIES
from twin.scaling.event_engine import EventEngine
from twin.scaling.fluid_engine import FluidEngine
from twin.scaling.pod_models import model_for
from twin.scaling.run import Engine, simulate
from twin.scaling.workload import SYNTHETIC, Workload, read_trace

SEED: Final = 20_261_124
EngineName = Literal["event", "fluid"]
SEEDS: Final[dict[EngineName, int]] = {"event": 2, "fluid": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run. `folder`: of the trace; None: it is made up."""

    trace: str
    folder: str | None
    policy: str
    engine: EngineName
    number: int  # of the seed


def workload_of(trace: str, folder: str | None) -> Workload:
    """Return the same requests a second for all seeds: the chance is that of the engine."""
    if folder is None:
        return SYNTHETIC[trace](1, SEED)
    return read_trace(Path(folder) / f"{trace}.parquet", model_for(trace), seed=SEED)


def run(job: Job) -> dict[str, float]:
    """Return the figures of one run, and the CPU time that engine and policy took."""
    model, workload = model_for(job.trace), workload_of(job.trace, job.folder)
    policy, seed = POLICIES[job.policy](model), SEED + job.number
    began_s = time.process_time()
    engine: Engine = (
        EventEngine(workload, model, seed=seed)
        if job.engine == "event"
        else FluidEngine(workload, model, seed=seed)
    )
    score = simulate(workload, model, policy, seed=seed, engine=engine).score()
    return {
        "slo_violation_s": score.slo_violation_s,
        "replica_hours": score.replica_hours,
        "reversals": score.reversals,
        "simulated_s_per_cpu_s": workload.duration_s / (time.process_time() - began_s),
    }


def compared(found: dict[EngineName, list[dict[str, float]]]) -> dict[str, Any]:
    """Return the means of both engines, how far the fluid one is off, and the spread of each."""
    table: dict[str, Any] = {}
    for name, runs in found.items():
        keys = runs[0]
        table[name] = {key: float(np.mean([one[key] for one in runs])) for key in keys}
        violations = [one["slo_violation_s"] for one in runs]
        table[name]["slo_violation_s_by_seed"] = violations
    for key in ("slo_violation_s", "replica_hours", "reversals"):
        event = table["event"][key]
        table[f"{key}_off_ratio"] = table["fluid"][key] / event - 1.0 if event else None
    return table


def engine_speed(trace: str, folder: str | None) -> float:
    """Return the simulated seconds a CPU-second of the engine alone, pods changing each 15 s."""
    workload, model = workload_of(trace, folder), model_for(trace)
    pods = np.random.default_rng(1).integers(6, 16, workload.duration_s // 15 + 1).tolist()
    engine = FluidEngine(workload, model, seed=1)
    began_s = time.process_time()
    for to_s in range(5, workload.duration_s + 1, 5):
        engine.advance(to_s, pods[to_s // 15])
    return workload.duration_s / (time.process_time() - began_s)
