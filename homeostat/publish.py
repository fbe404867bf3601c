"""From the state of the loops to the snapshot that people see. Pure."""

from analysis.buffers import Buffers
from healing.execute import Execution
from healing.ledger import Entry
from healing.state import HealingState
from homeostat.core import CoreState
from knowledge.plans import Mode, Refused
from knowledge.schemas import SIGNALS
from knowledge.snapshot import ActionRecord, IngestCounts, Treatment


def actions_of(state: CoreState) -> tuple[ActionRecord, ...]:
    """All writes that were tried, recoveries' and autoscalers', oldest first."""
    entries = (*state.healing.ledger.entries, *state.regulation.ledger.entries)
    return tuple(
        _action(entry) for entry in sorted(entries, key=lambda e: e.intent.created_unix_ns)
    )


def treatments_of(
    healing: HealingState, last_refused: tuple[Refused, ...]
) -> tuple[Treatment, ...]:
    """What was planned and decided, one for each issue; the last plan of an issue counts.

    `last_refused`: what was refused when plans were made last, which is not at each tick.
    """
    refused: dict[str, list[Refused]] = {}
    for refusal in last_refused:
        refused.setdefault(refusal.issue_id, []).append(refusal)
    executed: dict[str, Execution] = {
        execution.approved.plan.issue_id: execution for execution in healing.executions
    }
    return tuple(
        _treatment(issue_id, executed.get(issue_id), tuple(refused.get(issue_id, ())))
        for issue_id in {**executed, **refused}
    )


def ingest_of(buffers: Buffers, *, duplicate_count: int) -> tuple[IngestCounts, ...]:
    """What became of the rows of each signal."""
    result = []
    for signal in SIGNALS:
        counts = buffers.counts(signal)
        result.append(
            IngestCounts(
                signal=signal,
                rows=counts.rows,
                late_rows=counts.late_rows,
                duplicate_rows=duplicate_count if signal == "traces" else 0,
                future_rows=counts.future_rows,
                refused_frames=counts.refused_frames,
            )
        )
    return tuple(result)


def notes_of(
    mode: Mode,
    *,
    has_cluster: bool,
    cluster_note: str | None,
    replica_notes: tuple[str, ...] = (),
    gap: str | None = None,
    folded_count: int = 0,
) -> tuple[str, ...]:
    """What a reader must know before all else."""
    notes = []
    if not has_cluster:
        notes.append("no cluster is configured: observing only")
    elif mode == "observe":
        notes.append("mode is observe: nothing is changed")
    if cluster_note:
        notes.append(cluster_note)
    if folded_count:
        notes.append(
            f"{folded_count:,} requests are told as (other): more names than "
            "analysis.operation_count_max or analysis.service_count_max; is there an id in them?"
        )
    notes += replica_notes
    if gap is not None:
        notes.append(f"the window has a gap that is ours, so nothing is concluded: {gap}")
    return tuple(notes)


def _action(entry: Entry) -> ActionRecord:
    intent = entry.intent
    return ActionRecord(
        id=intent.id,
        issue_id=intent.issue_id,
        kind=intent.change.kind,
        target=str(intent.change.target),
        is_undo=intent.is_undo,
        status=entry.status,
        reason=entry.reason,
        created_unix_ns=intent.created_unix_ns,
        finished_unix_ns=entry.finished_unix_ns,
        verdict=entry.verdict,
    )


def _treatment(
    issue_id: str, execution: Execution | None, refusals: tuple[Refused, ...]
) -> Treatment:
    if execution is not None:
        return Treatment(
            issue_id=issue_id,
            plan=execution.approved.plan,
            guards=execution.approved.guards,
            refusals=refusals,
            verdict=execution.verdict,
        )
    plan = next((refusal.plan for refusal in refusals if refusal.plan), None)
    return Treatment(issue_id=issue_id, plan=plan, guards=(), refusals=refusals, verdict=None)
