"""What a new holder of the lease does first: take the ledger, shut its predecessor out, look.

Only then does it heal. Whatever its predecessor had open is fenced, so that it can happen no more,
and then read: it has happened, and is judged like any other, or it never will.
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from healing.cluster.action_ledger import (
    LedgerUnavailableError,
    SharedLedger,
    StaleEpochError,
)
from healing.cluster.leadership import Leadership
from knowledge.cluster import Change, ClusterUnavailableError, WriteIntent, WriteOutcome
from knowledge.memory import Memory

UNSURE: Final = frozenset({"unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced:
    """A target as it is after its fence: the last action that reached it, and its version."""

    last_action_id: str
    resource_version: str


class Fencing(Protocol):
    """What a successor needs of a cluster's adapter."""

    async def fence(self, change: Change, *, epoch: int) -> Fenced | None:
        """Shut earlier epochs out of the object of `change`; None where it is gone.

        Raises:
            ClusterUnavailableError: it could not be done now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """The parts, and the one step that joins them."""

    leadership: Leadership
    ledger: SharedLedger
    cluster: Fencing

    async def take_over(self, epoch: int, *, now_unix_ns: int) -> Memory:
        """Return what is to be gone on with; nothing of it can change behind our back any more.

        Raises:
            LedgerUnavailableError: it could not be done now; it may be tried again.
        """
        try:
            memory = await self.ledger.begin(epoch)
            for intent in _open(memory):
                fenced = await self.cluster.fence(intent.change, epoch=epoch)
                outcome = _concluded(intent, fenced, epoch, now_unix_ns)
                again = _anew(intent, outcome, fenced, epoch, now_unix_ns)
                await self.ledger.hand_on(outcome, again)
                memory = replace(
                    memory,
                    intents=(*memory.intents, *again),
                    outcomes=(*memory.outcomes, outcome),
                )
        except StaleEpochError as error:
            self.leadership.skip_to(error.latest)
            raise LedgerUnavailableError(f"epoch {epoch}: {error}") from error
        except ClusterUnavailableError as error:
            raise LedgerUnavailableError(str(error)) from error
        return memory


def _concluded(
    intent: WriteIntent, fenced: Fenced | None, epoch: int, now_unix_ns: int
) -> WriteOutcome:
    is_there = fenced is not None and fenced.last_action_id == intent.id
    return WriteOutcome(
        intent_id=intent.id,
        status="applied" if is_there else "conflict",
        reason="found" if is_there else f"epoch {epoch} took over before it was written",
        finished_unix_ns=now_unix_ns,
    )


def _anew(
    intent: WriteIntent,
    outcome: WriteOutcome,
    fenced: Fenced | None,
    epoch: int,
    now_unix_ns: int,
) -> tuple[WriteIntent, ...]:
    """An undo that was decided and never written is still owed: it is made in our own name."""
    if not intent.is_undo or outcome.status == "applied" or fenced is None:
        return ()
    again = replace(
        intent,
        id=f"{intent.id}-{epoch}",
        epoch=epoch,
        resource_version=fenced.resource_version,
        created_unix_ns=now_unix_ns,
    )
    return (again,)


def _open(memory: Memory) -> tuple[WriteIntent, ...]:
    """The intents of which it is not known whether they happened."""
    ended = {o.intent_id for o in memory.outcomes if o.status not in UNSURE}
    return tuple(intent for intent in memory.intents if intent.id not in ended)
