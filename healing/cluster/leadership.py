"""The thin shell around the lease: asks when it is time, and says at any moment who may write."""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from healing.cluster.lease import Answer, Ask, LeaseState, LeaseTimes, answered, ask, release

log = logging.getLogger(__name__)
POLL_S_MIN: Final = 0.02


class LeasePort(Protocol):
    """Where the record is."""

    error: str | None

    async def handle(self, asked: Ask) -> Answer:
        """Ask for it; whatever happens is an answer."""
        ...


def boot_s() -> float:
    """Seconds since the machine's start, those that it slept through included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def new_identity() -> str:
    """Return a name for this life of this process that no other ever has."""
    return f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:12]}"


class Leadership:
    """One replica's part. All it knows is in one frozen state; `run` moves it on."""

    def __init__(
        self,
        lease: LeasePort,
        *,
        identity: str,
        times: LeaseTimes,
        clock_s: Callable[[], float] = boot_s,
    ) -> None:
        self._lease = lease
        self._clock_s = clock_s
        self._state = LeaseState(identity=identity, times=times)
        self._skip = 0  # an epoch that is to be left behind as soon as nothing is asked

    async def run(self) -> None:
        """Ask for the lease, again and again, until cancelled."""
        while True:
            await self._once()
            pause_s = self._state.next_s - self._clock_s()
            await asyncio.sleep(max(pause_s, POLL_S_MIN))

    async def _once(self) -> None:
        if self._skip:
            least = max(self._skip, self._state.epoch_min)
            self._state = replace(self._state, taken=None, held_until_s=None, epoch_min=least)
            self._skip = 0
        sent_s = self._clock_s()
        asked = ask(self._state, sent_s)
        was = self._state.role(sent_s)
        answer = await self._lease.handle(asked)
        now_s = self._clock_s()
        self._state = answered(self._state, asked, answer, sent_s=sent_s, now_s=now_s)
        role = self._state.role(now_s)
        if role != was:
            log.warning("%s is %s of epoch %s", self._state.identity, role, self._state.taken)

    @property
    def identity(self) -> str:
        """This replica's name in the record."""
        return self._state.identity

    @property
    def holder(self) -> str:
        """Who stands in the record, as last seen."""
        return self._state.seen.holder if self._state.seen else ""

    @property
    def error(self) -> str | None:
        """Why the lease cannot be asked for, if that is so."""
        return self._lease.error

    def epoch(self) -> int | None:
        """Return the epoch under which it may write at this very moment; None: it may not."""
        return None if self._skip else self._state.epoch(self._clock_s())

    def why_not(self, epoch: int) -> str | None:
        """Return why a write of `epoch` must not be sent at this very moment; None: it may."""
        held = self.epoch()
        if held == epoch:
            return None
        if held is None:
            return f"the lease of epoch {epoch} is not held (any more)"
        return f"epoch {epoch} is over, now it is {held}"

    def skip_to(self, epoch: int) -> None:
        """Take the lease anew with an epoch above `epoch`, which was used already."""
        self._skip = epoch

    async def give_up(self) -> None:
        """Let a successor begin at once. Only for a replica that has nothing under way."""
        put = release(self._state, self._clock_s())
        self._state = replace(self._state, held_until_s=None)
        if put is not None:
            await self._lease.handle(put)
