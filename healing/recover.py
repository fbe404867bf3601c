"""From the journal to the state that a starting service begins with.

Budgets are not forgotten, nor what was handed to a person; a plan whose verdict was out is judged
on, and an intent without a known outcome counts as `unknown`: it may have happened, so it is tried
again under its own id while it is fresh, which changes nothing if it did.
"""

from dataclasses import replace
from typing import Literal

from healing.execute import Execution
from healing.ledger import Entry, Ledger
from healing.orders import obeyed
from healing.regulate import RegulationState
from healing.remedies import remembered
from healing.state import HealingState
from knowledge.cluster import WriteIntent
from knowledge.memory import Memory
from knowledge.plans import ApprovedPlan, Verdict


def recover(memory: Memory, *, epoch: int, started_unix_ns: int = 0) -> HealingState:
    """Return the state that `memory` leaves to a service that starts as `epoch` now."""
    ledger = _ledger(memory, "recovery")
    verdicts = {verdict.plan_id: verdict for verdict in memory.verdicts}
    executions = tuple(
        _execution(
            approved,
            [intent for intent in memory.intents if intent.plan_id == approved.plan.id],
            ledger,
            verdicts.get(approved.plan.id),
        )
        for approved in memory.approved
    )
    state = HealingState(
        epoch=epoch,
        started_unix_ns=started_unix_ns,
        ledger=ledger,
        executions=tuple(e for e in executions if e is not None and e.phase != "done"),
        escalations=memory.escalations,
        remedies=remembered(memory),
    )
    # an approval is for the moment that it was given in, a pause holds until it is over
    orders = tuple(order for order in memory.orders if order.kind != "approve")
    return obeyed(state, orders, approval_expiry_s=0.0, now_unix_ns=started_unix_ns)


def recover_regulation(memory: Memory, *, epoch: int) -> RegulationState:
    """Return what regulation remembers: its budgets, and whom it leaves alone.

    Its controllers begin anew, without a jump.
    """
    return RegulationState(
        epoch=epoch,
        ledger=_ledger(memory, "regulation"),
        held={hold.workload: hold.until_unix_ns for hold in memory.holds},
    )


def _ledger(memory: Memory, profile: Literal["recovery", "regulation"]) -> Ledger:
    ledger = Ledger()
    for intent in memory.intents:
        if intent.profile == profile:
            ledger = ledger.with_intent(intent)
    for outcome in memory.outcomes:
        ledger = ledger.with_outcome(outcome)
    for verdict in memory.verdicts:
        ledger = ledger.with_verdict(verdict)
    return Ledger(entries=tuple(map(_unsure, ledger.entries)))


def _unsure(entry: Entry) -> Entry:
    if entry.status != "open":
        return entry
    return replace(entry, status="unknown", reason="the service ended before the outcome was known")


def _execution(
    approved: ApprovedPlan,
    intents: list[WriteIntent],
    ledger: Ledger,
    verdict: Verdict | None,
) -> Execution | None:
    if not intents:
        return None
    first = next(e for e in ledger.entries if e.intent.id == intents[0].id)
    last = intents[-1]
    if first.verdict is not None and not last.is_undo:
        return None
    execution = Execution(
        approved=approved,
        intent_id=last.id,
        phase="undoing" if last.is_undo else "writing",
        verdict=verdict,
        undo_count=sum(i.is_undo and (i is last or _was_sent(i, ledger)) for i in intents),
    )
    return execution.after_outcome(ledger)


def _was_sent(intent: WriteIntent, ledger: Ledger) -> bool:
    entry = ledger.entry(intent.id)
    return entry is None or entry.is_sent
