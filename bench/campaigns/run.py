"""Plays one scenario from a warm start and notes what was done, by the twin's own record."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.campaigns.scenario import Scenario
from bench.campaigns.simulation import Simulation
from bench.campaigns.wire import NS_PER_S
from knowledge.plans import Verdict

SETTLED_S = 30.0
"""How much longer a story goes on when all is well again: harm may come late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A change that took effect in the twin's cluster. `factor`: replicas after over before."""

    at_s: float
    kind: str
    workload: str
    is_undo: bool
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault as the twin knows it; `cured_s` is None while its cause is there."""

    kind: str
    service: str
    at_s: float
    cured_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of a scenario. `refused`: how often which guard said no."""

    scenario: Scenario
    writes: tuple[Write, ...]
    faults: tuple[Fault, ...]
    verdicts: tuple[Verdict, ...]
    fired_count: int
    named: tuple[str, ...]
    refused: Mapping[str, int]
    cpu_s: float

    @property
    def actions(self) -> tuple[Write, ...]:
        """The writes that were no undo."""
        return tuple(write for write in self.writes if not write.is_undo)


async def play(scenario: Scenario, warm: Simulation) -> Played:
    """Play `scenario` to its end, or until all is long well again."""
    began = time.process_time()
    story = warm.fork(scenario)
    refused: Counter[str] = Counter()
    named: list[str] = []
    fired: set[str] = set()
    verdicts: list[Verdict] = []
    factors: dict[str, float] = {}
    well_since_s: float | None = None
    while story.now_s < scenario.length_s:
        before = _replicas(story)
        await story.step()
        outputs = story.control.outputs
        assert outputs is not None  # it has looked
        for intent in outputs.intents:
            name = intent.change.target.name
            factors[intent.id] = _replicas(story)[name] / before[name]
        refused.update(refusal.guard for refusal in outputs.refused)
        fired.update(issue.id for issue in outputs.issues if issue.state == "firing")
        named += [str(plan.plan.cause) for plan in outputs.approved]
        verdicts += outputs.verdicts
        is_over = _is_over(story, scenario)
        well_since_s = (well_since_s or story.now_s) if is_over else None
        if well_since_s is not None and story.now_s - well_since_s >= SETTLED_S:
            break
    truth = story.world.truth()
    return Played(
        scenario=scenario,
        writes=tuple(
            Write(
                at_s=(write["unix_ns"] - story.start_unix_ns) / NS_PER_S,
                kind=write["kind"],
                workload=write["workload"],
                is_undo=write["is_undo"],
                factor=factors.get(write["intent_id"], 1.0),
            )
            for write in truth["writes"]
        ),
        faults=tuple(_fault(fault, story.start_unix_ns) for fault in truth["faults"]),
        verdicts=tuple(verdicts),
        fired_count=len(fired),
        named=tuple(named),
        refused=dict(refused),
        cpu_s=time.process_time() - began,
    )


def _is_over(story: Simulation, scenario: Scenario) -> bool:
    """All faults are gone, nothing is open, nothing awaits its verdict."""
    faults = story.world.truth()["faults"]
    expected = sum(happening.is_fault for happening in scenario.happenings)
    is_cured = all(fault["cured_unix_ns"] is not None for fault in faults)
    is_open = any(issue.state != "resolved" for issue in story.control.state.analysis.issues)
    is_busy = bool(story.control.state.healing.in_flight)
    return bool(expected) and len(faults) == expected and is_cured and not (is_open or is_busy)


def _replicas(story: Simulation) -> dict[str, int]:
    return {w.key.name: max(1, w.replicas) for w in story.world.report().workloads}


def _fault(truth: Mapping[str, Any], start_unix_ns: int) -> Fault:
    cured = truth["cured_unix_ns"]
    return Fault(
        kind=truth["kind"],
        service=truth["service"],
        at_s=(truth["injected_unix_ns"] - start_unix_ns) / NS_PER_S,
        cured_s=None if cured is None else (cured - start_unix_ns) / NS_PER_S,
    )
