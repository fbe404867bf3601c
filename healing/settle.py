"""What became of the writes: outcomes into the ledger, lost ones looked up in the cluster."""

from dataclasses import replace

from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from knowledge.cluster import WriteOutcome

DONE_COUNT_MAX = 32
"""Executions that are over and still shown."""
LOOK_UP_S = 15.0
"""How long after the last try a write may still be seen to arrive; client time-outs are below."""


def settled(state: HealingState, outcomes: tuple[WriteOutcome, ...]) -> HealingState:
    """Return the state with what became of its writes."""
    ledger = state.ledger
    for outcome in outcomes:
        ledger = ledger.with_outcome(outcome)
    executions = tuple(execution.after_outcome(ledger) for execution in state.executions)
    done = [execution for execution in executions if execution.phase == "done"]
    over = done[: max(0, len(done) - DONE_COUNT_MAX)]
    executions = tuple(execution for execution in executions if execution not in over)
    return replace(state, ledger=ledger, executions=executions)


def found_outcomes(
    state: HealingState, situation: Situation, settings: HealingSettings
) -> tuple[WriteOutcome, ...]:
    """What the cluster's own objects tell of writes whose answer was lost."""
    if situation.cluster is None:
        return ()
    found = []
    for entry in state.ledger.entries:
        if entry.status != "unknown":
            continue
        workload = situation.cluster.workload(entry.intent.change.target)
        happened = workload is not None and workload.was_written_by(entry.intent.id)
        late_s = (situation.now_unix_ns - entry.intent.created_unix_ns) / 1e9
        if happened or late_s > settings.plan_expiry_s + LOOK_UP_S:
            found.append(
                WriteOutcome(
                    intent_id=entry.intent.id,
                    status="applied" if happened else "refused",
                    reason="found in the cluster" if happened else "never reached the cluster",
                    finished_unix_ns=situation.now_unix_ns,
                )
            )
    return tuple(found)
