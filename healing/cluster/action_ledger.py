"""The port for what must survive us: open intents, budgets and verdicts, by epoch.

Two keep it: the journal's SQLite file for one replica, a ConfigMap for several. Both pass one
contract suite. What was kept is durable when `keep` returns; an epoch that is over keeps nothing.
"""

from typing import Protocol

from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.memory import Memory
from knowledge.orders import Order
from knowledge.ticks import TickInputs, TickOutputs


class StaleEpochError(Exception):
    """Another has begun a later epoch: nothing was kept. `latest` is the epoch that holds now."""

    def __init__(self, latest: int) -> None:
        super().__init__(f"epoch {latest} has begun")
        self.latest = latest


class LedgerUnavailableError(Exception):
    """It cannot be kept now; the text says why. Nothing may be written to the cluster."""


class ActionLedger(Protocol):
    """The memory of what we set out to do and what came of it."""

    async def begin(self, epoch: int) -> Memory:
        """Begin an epoch and return what those before it left.

        Raises:
            StaleEpochError: a later one has begun, or this one was used already.
            LedgerUnavailableError: it cannot be begun now.
        """
        ...

    async def keep(self, inputs: TickInputs, outputs: TickOutputs) -> None:
        """Make a tick's plans, intents and verdicts durable.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept.
        """
        ...

    async def hear(self, order: Order) -> None:
        """Make what a person said durable at once; the tick that obeys it may keep it once more.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept.
        """
        ...

    async def settle(self, outcome: WriteOutcome) -> None:
        """Keep what became of a write.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept yet; it will be with the next that is.
        """
        ...


class SharedLedger(ActionLedger, Protocol):
    """One that a successor takes over from another process."""

    async def hand_on(self, outcome: WriteOutcome, anew: tuple[WriteIntent, ...]) -> None:
        """Keep what became of a write together with what is to be written in its stead.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept yet; it will be with the next that is.
        """
        ...
