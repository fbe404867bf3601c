"""Play a scenario on the twin's engine, once for each of its policies, and say what happened."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from homeostat.simulate.parts import fault_of, policy_of, workload_of
from homeostat.simulate.scenario import Scenario
from twin.scaling.event_engine import EventEngine
from twin.scaling.faults import Fault
from twin.scaling.fluid_engine import FluidEngine
from twin.scaling.judge import Score, violations
from twin.scaling.pod_models import PodModel
from twin.scaling.run import TICK_S, Engine, Run, simulate
from twin.scaling.workload import Workload

APART_S: Final = 30
"""Seconds in violation that are nearer to each other are one episode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A time in which the promise did not hold; `violation_s` of its seconds."""

    from_s: int
    to_s: int
    violation_s: int
    replicas: int  # wanted when it began


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A part of the run: mean and largest rate, least and most replicas, seconds in violation."""

    from_s: int
    rate_mean: float
    rate_max: float
    replicas_min: int
    replicas_max: int
    violation_s: int
    slow: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What happened under one policy. `slow` includes `refused`, those that callers gave up."""

    policy: str
    score: Score
    requests: int
    slow: int
    refused: int
    replicas_max: int
    scale_downs_in_gaps: int
    slots: tuple[Slot, ...]
    episodes: tuple[Episode, ...]
    changes: tuple[tuple[int, int], ...]  # second, wanted replicas from then on


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All outcomes of a scenario, on the same requests, and what the simulation itself took."""

    name: str
    engine: str
    duration_s: int
    faults: tuple[Fault, ...]
    outcomes: tuple[Outcome, ...]
    cpu_s: float


def play(scenario: Scenario, folder: Path, *, slot_s: int | None = None) -> Report:
    """Run all policies of a scenario.

    `folder`: where its trace is looked for. `slot_s`: length of the parts that are told; about 24
    of them if not given.

    Raises:
        TraceError, ScenarioError: its traffic cannot be used.
    """
    began_s = time.process_time()
    faults = sorted(map(fault_of, scenario.faults), key=lambda fault: fault.at_s)
    workload = workload_of(scenario, folder, faults)
    model = scenario.service.model
    slot_s = slot_s or _slot_s(workload.duration_s)
    outcomes = []
    for name, section in scenario.policies.items():
        run = simulate(
            workload,
            model,
            policy_of(section)(model),
            seed=scenario.seed,
            engine=_engine(scenario, workload, model),
            faults=faults,
            replicas=scenario.service.replicas,
        )
        outcomes.append(_outcome(name, run, model, slot_s))
    return Report(
        name=workload.name,
        engine=scenario.engine,
        duration_s=workload.duration_s,
        faults=tuple(faults),
        outcomes=tuple(outcomes),
        cpu_s=time.process_time() - began_s,
    )


def _engine(scenario: Scenario, workload: Workload, model: PodModel) -> Engine:
    if scenario.engine == "event":
        return EventEngine(workload, model, seed=scenario.seed)
    return FluidEngine(workload, model, seed=scenario.seed)


def _slot_s(duration_s: int) -> int:
    """A round length, of which a run has some two dozen."""
    for length_s in (TICK_S, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600):
        if duration_s / length_s <= 25:  # noqa: PLR2004 - lines on a screen
            return length_s
    return 86_400


def _outcome(name: str, run: Run, model: PodModel, slot_s: int) -> Outcome:
    record = run.record
    late = violations(record.arrived, record.slow, model)
    replicas = np.repeat(np.array(run.replicas), TICK_S)
    slots = []
    for begin in range(0, len(replicas), slot_s):
        span = slice(begin, min(begin + slot_s, len(replicas)))
        slots.append(
            Slot(
                from_s=begin,
                rate_mean=round(float(record.arrived[span].mean()), 2),
                rate_max=float(record.arrived[span].max()),
                replicas_min=int(replicas[span].min()),
                replicas_max=int(replicas[span].max()),
                violation_s=int(late[span].sum()),
                slow=round(float(record.slow[span].sum())),
                refused=round(float(record.refused[span].sum())),
            )
        )
    turns = np.flatnonzero(np.diff(replicas, prepend=-1))
    return Outcome(
        policy=name,
        score=run.score(),
        requests=round(float(record.arrived.sum())),
        slow=round(float(record.slow.sum())),
        refused=round(float(record.refused.sum())),
        replicas_max=int(replicas.max()),
        scale_downs_in_gaps=run.scale_downs_in_gaps,
        slots=tuple(slots),
        episodes=_episodes(late, replicas),
        changes=tuple((int(at), int(replicas[at])) for at in turns),
    )


def _episodes(
    late: "np.typing.NDArray[np.bool_]", replicas: "np.typing.NDArray[np.int64]"
) -> tuple[Episode, ...]:
    seconds = np.flatnonzero(late)
    if not len(seconds):
        return ()
    parts = np.split(seconds, np.flatnonzero(np.diff(seconds) > APART_S) + 1)
    return tuple(
        Episode(
            from_s=int(part[0]),
            to_s=int(part[-1]) + 1,
            violation_s=len(part),
            replicas=int(replicas[min(int(part[0]), len(replicas) - 1)]),
        )
        for part in parts
    )
