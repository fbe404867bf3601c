"""Tries the writes that the ledger knows of, one at a time, and keeps what became of them."""

from collections.abc import Callable
from dataclasses import replace

from healing.cluster.gate import write_guarded
from homeostat.replica import Replica
from knowledge.cluster import Cluster, ClusterReport, WriteIntent, WriteOutcome
from knowledge.plans import Refused

LastLook = Callable[[WriteIntent, ClusterReport, int], Refused | None]
"""(the write, a fresh report, now): why it must not be made after all."""


class Writer:
    """`look` is the last look before a write."""

    def __init__(
        self,
        cluster: Cluster | None,
        replica: Replica,
        *,
        look: LastLook,
    ) -> None:
        self._cluster = cluster
        self._replica = replica
        self._look = look
        self.is_writing = False  # stays true where a write was cut off

    async def write(
        self,
        intent: WriteIntent,
        clock: Callable[[], int],
        *,
        not_kept: str | None,
        is_retry: bool,
    ) -> WriteOutcome:
        """Try a write and keep what became of it.

        `not_kept`: why it must not be tried now. `is_retry`: it was tried before, without answer.
        """
        if not_kept is not None:
            # not tried now, which says nothing of a try before
            outcome = WriteOutcome(
                intent_id=intent.id,
                status="unknown" if is_retry else "failed",
                reason=not_kept,
                finished_unix_ns=clock(),
                is_sent=is_retry,
            )
        else:
            outcome = await self._tried(intent, clock, is_retry=is_retry)
        await self._replica.settle(outcome)
        return outcome

    async def _tried(
        self, intent: WriteIntent, clock: Callable[[], int], *, is_retry: bool
    ) -> WriteOutcome:
        assert self._cluster is not None  # without one no guard lets a plan pass
        self.is_writing = True
        outcome = await write_guarded(
            self._cluster,
            intent,
            lambda intent, report: self._look(intent, report, clock()),
            now_unix_ns=clock,
            is_retry=is_retry,
        )
        self.is_writing = False
        if outcome.status == "refused" and self._replica.why_not(intent.epoch):
            # whether it is still to be done is for whoever holds the lease next
            return replace(outcome, status="unknown")
        return outcome
