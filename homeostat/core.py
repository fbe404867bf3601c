"""The pure core: one tick of analysis and healing. `homeostat replay` runs this very function."""

from dataclasses import dataclass, field, replace

from analysis.inherit import inherited
from analysis.settings import AnalysisSettings
from analysis.step import AnalysisState
from analysis.step import step as analyse
from healing.recover import recover, recover_regulation
from healing.regulate import RegulationState
from healing.regulate import step as regulate
from healing.right_size import RightSizeState
from healing.right_size import step as right_size
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from healing.step import step as heal
from knowledge.memory import Memory
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
    regulation: RegulationState = field(default_factory=RegulationState)
    sizes: RightSizeState = field(default_factory=RightSizeState)
    situation: Situation | None = None


def beginning(
    memory: Memory, *, epoch: int, started_unix_ns: int, before: CoreState | None = None
) -> CoreState:
    """Return the state that a service heals with as `epoch`, by what is remembered.

    Issues that were open go on under their ids: a restart of ours is no recovery of theirs. Those
    that had not fired yet are seen anew. One that took over goes on with its own analysis, that of
    `before`, and with the names that its predecessor gave.
    """
    issues = tuple(issue for issue in memory.issues if issue.state == "firing")
    before = before or CoreState()
    analysis = replace(before.analysis, issues=inherited(before.analysis.issues, issues))
    return replace(
        before,
        analysis=analysis,
        healing=recover(memory, epoch=epoch, started_unix_ns=started_unix_ns),
        regulation=recover_regulation(memory, epoch=epoch),
    )


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
        workloads=analysis.workloads,
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
        return replace(state, analysis=analysis, situation=situation), watched
    healing, done = heal(
        state.healing,
        situation,
        inputs.outcomes,
        inputs.orders,
        settings=settings.healing,
        is_planning_due=inputs.is_planning_due,
    )
    # after recovery, which comes first: what it has in hand or added, regulation respects
    regulation, kept = regulate(
        state.regulation,
        healing,
        situation,
        inputs.outcomes,
        settings=settings.healing,
        pane_s=settings.analysis.pane_s,
    )
    sizes, sized = right_size(state.sizes, inputs.cluster, now_unix_ns=now)
    outputs = TickOutputs(
        symptoms=seen.symptoms,
        issues=seen.issues,
        approved=done.approved,
        refused=done.refused,
        intents=(*done.intents, *kept.intents),
        verdicts=done.verdicts,
        regulated=kept.regulated,
        sized=sized,
        escalations=healing.escalations,
        holds=regulation.holds(now),
        remedies_fell_unix_ns=healing.remedies.fell_unix_ns,
    )
    return CoreState(
        analysis=analysis,
        healing=healing,
        regulation=regulation,
        sizes=sizes,
        situation=situation,
    ), outputs
