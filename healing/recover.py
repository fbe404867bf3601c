"""From the journal to the state that a starting service begins with.

Budgets are not forgotten, a plan whose verdict was out is judged on, and an intent without a known
outcome counts as `unknown`: it may have happened, so it is tried again under its own id while it is
fresh, which changes nothing if it did.
"""

from dataclasses import replace

from healing.execute import Execution
from healing.ledger import Entry, Ledger
from healing.state import HealingState
from knowledge.cluster import WriteIntent
from knowledge.journal import Memory
from knowledge.plans import ApprovedPlan


def recover(memory: Memory, *, epoch: int) -> HealingState:
    """Return the state that `memory` leaves to a service that starts as `epoch`."""
    ledger = Ledger()
    for intent in memory.intents:
        ledger = ledger.with_intent(intent)
    for outcome in memory.outcomes:
        ledger = ledger.with_outcome(outcome)
    for verdict in memory.verdicts:
        ledger = ledger.with_verdict(verdict)
    ledger = Ledger(entries=tuple(map(_unsure, ledger.entries)))
    executions = tuple(
        _execution(approved, [i for i in memory.intents if i.plan_id == approved.plan.id], ledger)
        for approved in memory.approved
    )
    return HealingState(
        epoch=epoch,
        ledger=ledger,
        executions=tuple(e for e in executions if e is not None and e.phase != "done"),
    )


def _unsure(entry: Entry) -> Entry:
    if entry.status != "open":
        return entry
    return replace(entry, status="unknown", reason="the service ended before the outcome was known")


def _execution(
    approved: ApprovedPlan, intents: list[WriteIntent], ledger: Ledger
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
        before=(),
        phase="undoing" if last.is_undo else "writing",
    )
    return execution.after_outcome(ledger)
