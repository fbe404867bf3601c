"""One tick of healing: outcomes in, verdicts, plans, refusals and intents out. Pure.

settle   what became of the writes
conclude whether what was done helped; undo, retries
treat    plans, guards, first writes
"""

from dataclasses import dataclass, replace

from healing.conclude import judged
from healing.escalation import escalated
from healing.orders import obeyed
from healing.settings import HealingSettings
from healing.settle import found_outcomes, settled
from healing.situation import Situation
from healing.state import HealingState
from healing.treat import planned
from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.orders import Order
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
    orders: tuple[Order, ...] = (),
    *,
    settings: HealingSettings,
    is_planning_due: bool,
) -> tuple[HealingState, HealingOutput]:
    """Take in outcomes and orders, judge what is in flight, plan where something is wrong."""
    now = situation.now_unix_ns
    state = obeyed(state, orders, approval_expiry_s=settings.approval_expiry_s, now_unix_ns=now)
    volumes = (*state.volumes, (now, _span_count(situation)))[-VOLUME_COUNT_MAX:]
    state = replace(
        settled(state, (*outcomes, *found_outcomes(state, situation, settings))), volumes=volumes
    )
    state = replace(state, ledger=state.ledger.pruned(since_unix_ns=now - int(LEDGER_S * 1e9)))
    state, verdicts, intents, refused = judged(state, situation, settings)
    state = escalated(state, refused, situation, settings)
    approved: tuple[ApprovedPlan, ...] = ()
    if is_planning_due:
        state, approved, not_now, begun = planned(state, situation, settings)
        state = escalated(state, not_now, situation, settings)
        intents, refused = (*intents, *begun), (*refused, *not_now)
    return state, HealingOutput(
        approved=approved, refused=refused, intents=intents, verdicts=verdicts
    )


def _span_count(situation: Situation) -> int:
    """How many spans came in since the start."""
    return sum(signal.rows for signal in situation.freshness if signal.signal == "traces")
