"""Plays one case of the library and notes what was said of it, look by look."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analysis.settings import AnalysisSettings
from bench.campaigns.scenario import Scenario
from bench.campaigns.simulation import PANE_S, Simulation
from bench.faults.library import Case
from bench.faults.plays import play
from healing.settings import HealingSettings
from homeostat.core import CoreSettings

SETTINGS: Final = CoreSettings(
    analysis=AnalysisSettings(pane_s=PANE_S),
    healing=HealingSettings(mode="observe", planning_s=2 * PANE_S),
)
"""Nothing is healed: what is asked here is whether the cause is found."""
WARM_S: Final = 240.0
ONSET_S: Final = 60.0
FAULT_S: Final = 240.0
SURE: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was said of one case. Seconds are since the onset; None: never.

    `is_first`: the culprit stands first in the last word on any issue. `is_surely_wrong`: another
    one does, with a confidence over 0.8. `issues`: how many fired.
    """

    case: str
    seed: int
    symptom_s: float | None
    issue_s: float | None
    named: str
    confidence: float
    is_first: bool
    is_surely_wrong: bool
    issues: int
    symptoms: tuple[str, ...]
    cpu_s: float


async def told(case: Case, seed: int, warm: Simulation, *, length_s: float = FAULT_S) -> Told:
    """Play `case` from a warm start."""
    began = time.process_time()
    scenario = Scenario(
        name=case.name, seed=seed, warm=0, length_s=ONSET_S + length_s, troubles=case.troubles
    )
    story = warm.fork(scenario)
    has_begun = False
    symptom_s = issue_s = None
    fired: set[str] = set()
    kinds: set[str] = set()
    named, confidence = "", 0.0
    while story.now_s < scenario.length_s:
        if not has_begun and story.now_s >= ONSET_S:
            play(story.world, case.kind, case.service)
            has_begun = True
        await story.step()
        outputs = story.control.outputs
        assert outputs is not None  # it has looked
        sick = {s.kind for s in outputs.symptoms if s.health == "unhealthy"}
        kinds |= sick
        since = round(story.now_s - ONSET_S, 1)
        if symptom_s is None and sick & case.symptoms:
            symptom_s = since
        firing = [issue for issue in outputs.issues if issue.state == "firing"]
        fired |= {issue.id for issue in firing}
        if firing and issue_s is None:
            issue_s = since
        causes = [issue.causes[0] for issue in firing if issue.causes]
        if causes:
            best = max(causes, key=lambda cause: cause.confidence)
            named, confidence = best.service.name, best.confidence
    is_first = named == case.culprit
    return Told(
        case=case.name,
        seed=seed,
        symptom_s=symptom_s,
        issue_s=issue_s,
        named=named,
        confidence=round(confidence, 3),
        is_first=is_first,
        is_surely_wrong=bool(named) and not is_first and confidence > SURE,
        issues=len(fired),
        symptoms=tuple(sorted(kinds)),
        cpu_s=round(time.process_time() - began, 2),
    )


def scored(results: list[Told], cases: Mapping[str, Case]) -> dict[str, object]:
    """Sum up: shares over the runs with a fault, counts over those without one."""
    broken = [t for t in results if cases[t.case].culprit]
    well = [t for t in results if not cases[t.case].culprit]
    by_kind: dict[str, list[bool]] = {}
    for run in broken:
        by_kind.setdefault(cases[run.case].kind, []).append(run.symptom_s is not None)
    count = max(1, len(broken))
    return {
        "runs_with_fault": len(broken),
        "symptom_found_ratio": sum(t.symptom_s is not None for t in broken) / count,
        "symptom_found_ratio_by_fault": {
            kind: sum(found) / len(found) for kind, found in sorted(by_kind.items())
        },
        "cause_first_ratio": sum(t.is_first for t in broken) / count,
        "surely_wrong_ratio": sum(t.is_surely_wrong for t in results) / max(1, len(results)),
        "runs_without_fault": len(well),
        "runs_without_fault_with_issue": sum(t.issues > 0 for t in well),
        "issues_per_fault": sum(t.issues for t in broken) / count,
    }
