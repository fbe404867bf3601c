"""The ledger of one replica: the journal's own file."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from healing.cluster.action_ledger import StaleEpochError
from knowledge.cluster import WriteOutcome
from knowledge.journal import Journal
from knowledge.memory import Memory
from knowledge.orders import Order
from knowledge.ticks import TickInputs, TickOutputs

T = TypeVar("T")


class JournalLedger:
    """An `ActionLedger` on a journal; its file is touched by one thread only, `worker`'s.

    The journal numbers the starts of the service by itself (`Journal.begin_epoch`); `begin` takes
    one of these numbers.
    """

    def __init__(self, journal: Journal, worker: Executor, *, epoch: int = 0) -> None:
        self._journal = journal
        self._worker = worker
        self.epoch = epoch

    async def begin(self, epoch: int) -> Memory:
        """Begin an epoch that the journal has numbered, and return what those before it left.

        Raises:
            StaleEpochError: a later one has begun in the same file.
        """
        latest = await self._do(self._journal.latest_epoch)
        if latest != epoch:
            raise StaleEpochError(latest)
        self.epoch = epoch
        return await self._do(lambda: self._journal.memory(epoch))

    async def keep(self, inputs: TickInputs, outputs: TickOutputs) -> None:
        """Append a tick.

        Raises:
            StaleEpochError: another process has begun an epoch in the same file.
        """
        await self._append(lambda: self._journal.append_tick(self.epoch, inputs, outputs))

    async def hear(self, order: Order) -> None:
        """Append what a person said.

        Raises:
            StaleEpochError: another process has begun an epoch in the same file.
        """
        await self._append(lambda: self._journal.append_order(self.epoch, order))

    async def settle(self, outcome: WriteOutcome) -> None:
        """Append what became of a write.

        Raises:
            StaleEpochError: another process has begun an epoch in the same file.
        """
        await self._append(lambda: self._journal.append_write(self.epoch, outcome))

    async def _append(self, append: Callable[[], None]) -> None:
        def unless_stale() -> int:
            latest = self._journal.latest_epoch()
            if latest == self.epoch:
                append()
            return latest

        latest = await self._do(unless_stale)
        if latest != self.epoch:
            raise StaleEpochError(latest)

    async def _do(self, do: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, do)
