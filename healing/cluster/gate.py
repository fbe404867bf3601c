"""The only way to a write: fresh facts, the guards once more, then the adapter.

A write whose answer was lost is looked up before it is tried again: the cluster knows the last
action on each workload. A workload's status moves all the time, and may do so between our look and
our patch, which then surely changes nothing: each further try asks the guards anew.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from knowledge.cluster import (
    Cluster,
    ClusterReport,
    ClusterUnavailableError,
    OvertakenError,
    WriteIntent,
    WriteOutcome,
)
from knowledge.plans import Refused

Recheck = Callable[[WriteIntent, ClusterReport], Refused | None]
"""Asks the guards about an intent on a fresh report."""
TRIES_MAX: Final = 5


async def write_guarded(
    cluster: Cluster,
    intent: WriteIntent,
    recheck: Recheck,
    *,
    now_unix_ns: Callable[[], int],
    is_retry: bool = False,
) -> WriteOutcome:
    """Write `intent`, which the caller has made durable; whatever happens is an outcome.

    `is_retry`: an earlier try was sent, and its end is not known. That this try came to
    nothing then says nothing about that one, which may still be on its way.
    """
    for _ in range(TRIES_MAX):
        try:
            outcome = await _try(cluster, intent, recheck, now_unix_ns)
        except OvertakenError:
            continue
        if is_retry and outcome.status in {"refused", "failed"}:
            reason = f"not tried again: {outcome.reason}"
            return replace(outcome, status="unknown", reason=reason, is_sent=True)
        return outcome
    return WriteOutcome(
        intent_id=intent.id,
        status="unknown" if is_retry else "conflict",
        reason=f"its target changed at the moment of the write, {TRIES_MAX} times in a row",
        finished_unix_ns=now_unix_ns(),
    )


async def _try(
    cluster: Cluster, intent: WriteIntent, recheck: Recheck, now_unix_ns: Callable[[], int]
) -> WriteOutcome:
    try:
        report = await cluster.report()
    except ClusterUnavailableError as error:
        reason = f"no fresh facts to check the guards on: {error}"
        return WriteOutcome(
            intent_id=intent.id,
            status="failed",
            reason=reason,
            finished_unix_ns=now_unix_ns(),
            is_sent=False,
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
