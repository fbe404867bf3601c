"""The only way to a write: fresh facts, the guards once more, then the adapter.

A write whose answer was lost is looked up before it is tried again: the cluster knows the last
action on each workload.
"""

from collections.abc import Callable

from knowledge.cluster import (
    Cluster,
    ClusterReport,
    ClusterUnavailableError,
    WriteIntent,
    WriteOutcome,
)
from knowledge.plans import Refused

Recheck = Callable[[WriteIntent, ClusterReport], Refused | None]
"""Asks the guards about an intent on a fresh report."""


async def write_guarded(
    cluster: Cluster, intent: WriteIntent, recheck: Recheck, *, now_unix_ns: Callable[[], int]
) -> WriteOutcome:
    """Write `intent`, which the caller has made durable; whatever happens is an outcome."""
    try:
        report = await cluster.report()
    except ClusterUnavailableError as error:
        # not sent now, but it may have been in an earlier life of ours: that stays to be looked up
        reason = f"no fresh facts to check the guards on: {error}"
        return WriteOutcome(
            intent_id=intent.id, status="unknown", reason=reason, finished_unix_ns=now_unix_ns()
        )
    workload = report.workload(intent.change.target)
    if workload is not None and workload.was_written_by(intent.id):
        reason = "found to have been applied before"
        return WriteOutcome(
            intent_id=intent.id, status="applied", reason=reason, finished_unix_ns=now_unix_ns()
        )
    refusal = recheck(intent, report)
    if refusal is not None:
        return WriteOutcome(
            intent_id=intent.id,
            status="refused",
            reason=f"{refusal.guard}: {refusal.reason}",
            finished_unix_ns=now_unix_ns(),
        )
    try:
        return await cluster.write(intent)
    except ClusterUnavailableError as error:
        return WriteOutcome(
            intent_id=intent.id, status="unknown", reason=str(error), finished_unix_ns=now_unix_ns()
        )
