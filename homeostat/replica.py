"""The control plane's place among others: alone, leading, or standing by; and what it remembers.

Alone there is the journal only. Where there are several replicas, the leader keeps its intents in
the ledger that they share before it writes anything; one that stands by observes and journals.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from healing.cluster.action_ledger import LedgerUnavailableError, StaleEpochError
from healing.cluster.journal_ledger import JournalLedger
from healing.cluster.succession import Succession
from knowledge.cluster import WriteOutcome
from knowledge.journal import Journal
from knowledge.memory import Memory, Takeover
from knowledge.orders import NotKeptError, Order
from knowledge.ticks import TickInputs, TickOutputs

log = logging.getLogger(__name__)
T = TypeVar("T")
STANDS_BY: Final = "this replica stands by: tell the one that /status calls leader"
Role = Literal["alone", "leader", "standby"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Whether this tick heals. `taken`: what was taken over just now, to be gone on with."""

    is_leader: bool
    taken: Takeover | None = None


class Replica:
    """One replica's ledgers and its lease. `succession` is None for one that is alone."""

    def __init__(
        self,
        journal: Journal,
        worker: Executor,
        *,
        epoch: int,
        settings: bytes,
        succession: Succession | None,
    ) -> None:
        self._journal = journal
        self._worker = worker
        self._settings = settings
        self._succession = succession
        self._local = JournalLedger(journal, worker, epoch=epoch)
        self._fence: int | None = None
        self._trouble: str | None = None

    @property
    def role(self) -> Role:
        """What it is now."""
        if self._succession is None:
            return "alone"
        held = self._succession.leadership.epoch()
        return "leader" if held is not None and held == self._fence else "standby"

    @property
    def epoch(self) -> int:
        """The epoch of the lease under which it heals, or last did; alone that of its journal."""
        return self._local.epoch if self._succession is None else self._fence or 0

    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        if self._succession is None or self.role == "leader":
            return ()
        lease = self._succession.leadership
        told = f"standing by: observing only, {lease.holder or 'nobody'} holds the lease"
        return (told, *(text for text in (lease.error, self._trouble) if text))

    async def lead(self, now_unix_ns: int) -> Lead:
        """Say whether this tick heals; take over first, where that is new."""
        if self._succession is None:
            return Lead(is_leader=True)
        epoch = self._succession.leadership.epoch()
        if epoch is None or epoch == self._fence:
            return Lead(is_leader=epoch is not None)
        try:
            memory = await self._succession.take_over(epoch, now_unix_ns=now_unix_ns)
        except LedgerUnavailableError as error:
            self._trouble = f"taking over is held up: {error}"
            return Lead(is_leader=False)
        self._fence, self._trouble = epoch, None
        return Lead(is_leader=True, taken=await self._begun(memory, epoch, now_unix_ns))

    async def _begun(self, memory: Memory, fence: int, now_unix_ns: int) -> Takeover:
        taken = Takeover(fence=fence, memory=memory)
        self._local.epoch = await self._do(
            lambda: self._journal.begin_epoch(now_unix_ns, self._settings, taken)
        )
        log.warning("leader of epoch %d, %d intents taken over", fence, len(memory.intents))
        return taken

    async def keep(self, inputs: TickInputs, outputs: TickOutputs) -> str | None:
        """Make a tick durable; return why none of its intents may be written, if that is so."""
        await self._local.keep(inputs, outputs)
        if self._succession is None or not inputs.is_leader:
            return None
        try:
            await self._succession.ledger.keep(inputs, outputs)
        except (StaleEpochError, LedgerUnavailableError) as error:
            self._trouble = f"the shared ledger is not kept: {error}"
            return self._trouble
        return None

    async def hear(self, order: Order) -> str | None:
        """Make what a person said durable, before it is answered; or return who else must hear it.

        Raises:
            NotKeptError: it is not kept where it has to be.
        """
        try:
            await self._local.hear(order)
            if self._succession is not None:
                await self._succession.ledger.hear(order)
        except StaleEpochError:
            return STANDS_BY  # since a moment: whoever writes now has not heard it
        except (LedgerUnavailableError, sqlite3.Error) as error:
            raise NotKeptError(str(error)) from error
        return None

    async def settle(self, outcome: WriteOutcome) -> None:
        """Keep what became of a write."""
        await self._local.settle(outcome)
        if self._succession is None:
            return
        try:
            await self._succession.ledger.settle(outcome)
        except (StaleEpochError, LedgerUnavailableError) as error:
            log.warning("what became of %s is not kept yet: %s", outcome.intent_id, error)

    def why_not(self, epoch: int) -> str | None:
        """Return why a write of `epoch` must not be sent at this very moment; None: it may."""
        return None if self._succession is None else self._succession.leadership.why_not(epoch)

    async def _do(self, do: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, do)
