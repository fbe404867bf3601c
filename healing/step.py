"""One tick of healing: outcomes in, verdicts, plans, refusals and intents out. Pure.

settle   what became of the writes
conclude whether what was done helped; undo, retries
treat    plans, guards, first writes
"""

from dataclasses import dataclass, replace

from healing.conclude import judged
from healing.settings import HealingSettings
from healing.settle import found_outcomes, settled
from healing.situation import Situation
from healing.state import HealingState
from healing.treat import planned
from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.plans import ApprovedPlan, Refused, Verdict

VOLUME_COUNT_MAX = 64
LEDGER_S = 86_400.0
"""How long actions are remembered; no stop figure counts further back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingOutput:
    """What is to be told and done."""

    approved: tuple[ApprovedPlan, ...]
    refused: tuple[Refused, ...]
    intents: tuple[WriteIntent, ...]
    verdicts: tuple[Verdict, ...]


def step(
    state: HealingState,
    situation: Situation,
    outcomes: tuple[WriteOutcome, ...],
    *,
    settings: HealingSettings,
    is_planning_due: bool,
) -> tuple[HealingState, HealingOutput]:
    """Take in outcomes, judge what is in flight, and plan where something is wrong."""
    spans = sum(situation.tables.services["span_count"].to_list())
    volumes = (*state.volumes, (situation.now_unix_ns, spans))[-VOLUME_COUNT_MAX:]
    state = replace(
        settled(state, (*outcomes, *found_outcomes(state, situation, settings))), volumes=volumes
    )
    horizon = situation.now_unix_ns - int(LEDGER_S * 1e9)
    state = replace(state, ledger=state.ledger.pruned(since_unix_ns=horizon))
    state, verdicts, intents = judged(state, situation, settings)
    approved: tuple[ApprovedPlan, ...] = ()
    refused: tuple[Refused, ...] = ()
    if is_planning_due:
        state, approved, refused, begun = planned(state, situation, settings)
        intents = (*intents, *begun)
    return state, HealingOutput(
        approved=approved, refused=refused, intents=intents, verdicts=verdicts
    )
