"""One plan on its way: written, verified, and undone once if it did not help.

writing --applied--> verifying --recovered / unproven--> done
|                     |
| not applied         +--unchanged / worse--> undoing --applied / superseded--> done
+--> done                 (done at once         |  ^
                        where there is no undo) +--+ not applied: again, later; then a person
"""

from dataclasses import dataclass, replace
from typing import Literal

from healing.ledger import Entry, Ledger
from knowledge.cluster import Change, ClusterReport, RollBackRelease, Scale, SetFloor, WriteIntent
from knowledge.plans import ApprovedPlan, Verdict

Phase = Literal["writing", "verifying", "undoing", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An approved plan and how far it got."""

    approved: ApprovedPlan
    intent_id: str
    phase: Phase = "writing"
    applied_unix_ns: int | None = None
    verdict: Verdict | None = None
    undo_count: int = 0
    """Tries to take it back."""

    def after_outcome(self, ledger: Ledger) -> "Execution":
        """Return the execution as its latest intent's outcome leaves it.

        `unknown` stays in its phase: the intent is looked up, and tried again under its own id.
        """
        entry = ledger.entry(self.intent_id)
        if entry is None or entry.status in {"open", "unknown"}:
            return self
        if self.phase == "undoing":
            return replace(self, phase="done") if entry.status == "applied" else self
        if self.phase != "writing":
            return self
        if entry.status != "applied":
            return replace(self, phase="done")
        return replace(self, phase="verifying", applied_unix_ns=entry.finished_unix_ns)


def first_intent(
    approved: ApprovedPlan, cluster: ClusterReport, *, intent_id: str, epoch: int, now_unix_ns: int
) -> WriteIntent:
    """Return the write of an approved plan; its target is in the report, or no guard would pass."""
    plan = approved.plan
    workload = cluster.workload(plan.change.target)
    assert workload is not None
    return WriteIntent(
        id=intent_id,
        plan_id=plan.id,
        issue_id=plan.issue_id,
        epoch=epoch,
        change=plan.change,
        resource_version=workload.token_of(plan.change),
        undo=plan.undo,
        is_undo=plan.ends_boost,  # it takes something back, and spends no budget
        created_unix_ns=now_unix_ns,
    )


def undo_intent(
    execution: Execution, cluster: ClusterReport, *, intent_id: str, epoch: int, now_unix_ns: int
) -> WriteIntent | None:
    """Return the write that takes a plan back; None where there is nothing to take back."""
    plan = execution.approved.plan
    workload = cluster.workload(plan.change.target)
    if plan.undo is None or workload is None:
        return None
    return WriteIntent(
        id=intent_id,
        plan_id=plan.id,
        issue_id=plan.issue_id,
        epoch=epoch,
        change=plan.undo,
        resource_version=workload.token_of(plan.undo),
        undo=None,
        is_undo=True,
        created_unix_ns=now_unix_ns,
    )


def is_superseded(change: Change, cluster: ClusterReport) -> bool:
    """Whether the field that an undo would restore was changed by somebody else since, or is gone.

    What a third party set later is never overwritten.
    """
    workload = cluster.workload(change.target)
    if workload is None:
        return True
    match change:
        case Scale():
            return workload.replicas != change.replicas_before
        case SetFloor():
            scaler = workload.scaler
            return scaler is None or scaler.floor != change.floor_before
        case RollBackRelease():
            return workload.revision != change.revision_before
        case _:
            return False


def is_retried(entry: Entry, *, now_unix_ns: int, expiry_s: float) -> bool:
    """Whether an intent without a known outcome is tried once more: only while it is fresh."""
    age_s = (now_unix_ns - entry.intent.created_unix_ns) / 1e9
    return entry.status == "unknown" and age_s <= expiry_s
