"""The pure core: one tick of analysis and healing. `homeostat replay` runs this very function."""

from dataclasses import dataclass, field

from analysis.settings import AnalysisSettings
from analysis.step import AnalysisState
from analysis.step import step as analyse
from healing.recover import recover
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from healing.step import step as heal
from knowledge.journal import Memory
from knowledge.ticks import TickInputs, TickOutputs


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSettings:
    """What the core's conclusions depend on; journaled with each start of the service."""

    analysis: AnalysisSettings
    healing: HealingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreState:
    """What one tick leaves for the next. `situation` is kept for the check before a write."""

    analysis: AnalysisState = field(default_factory=AnalysisState)
    healing: HealingState = field(default_factory=HealingState)
    situation: Situation | None = None


def recovered(memory: Memory, *, epoch: int, started_unix_ns: int = 0) -> CoreState:
    """Return the state that a service begins with that knows of its earlier epochs.

    Issues that were open go on under their ids: a restart of ours is no recovery of theirs. Those
    that had not fired yet are seen anew.
    """
    issues = tuple(issue for issue in memory.issues if issue.state == "firing")
    healing = recover(memory, epoch=epoch, started_unix_ns=started_unix_ns)
    return CoreState(analysis=AnalysisState(issues=issues), healing=healing)


def tick(
    state: CoreState, inputs: TickInputs, settings: CoreSettings
) -> tuple[CoreState, TickOutputs]:
    """Look once, and conclude."""
    now = inputs.now_unix_ns
    analysis, seen = analyse(
        state.analysis,
        inputs.tables,
        inputs.cluster,
        state.healing.changing(),
        inputs.diagnoses,
        settings=settings.analysis,
        now_unix_ns=now,
    )
    situation = Situation(
        now_unix_ns=now,
        issues=seen.issues,
        symptoms=seen.symptoms,
        tables=inputs.tables,
        freshness=inputs.freshness,
        cluster=inputs.cluster,
        is_warm=seen.is_warm,
        stopped=inputs.stopped,
    )
    if not inputs.is_leader:
        watched = TickOutputs(
            symptoms=seen.symptoms,
            issues=seen.issues,
            approved=(),
            refused=(),
            intents=(),
            verdicts=(),
        )
        return CoreState(analysis=analysis, healing=state.healing, situation=situation), watched
    healing, done = heal(
        state.healing,
        situation,
        inputs.outcomes,
        inputs.orders,
        settings=settings.healing,
        is_planning_due=inputs.is_planning_due,
    )
    outputs = TickOutputs(
        symptoms=seen.symptoms,
        issues=seen.issues,
        approved=done.approved,
        refused=done.refused,
        intents=done.intents,
        verdicts=done.verdicts,
    )
    return CoreState(analysis=analysis, healing=healing, situation=situation), outputs
