"""Bodies of gRPC requests while they come in: bounded in number and in time.

grpcio tells nothing of a message before it is whole, and holds what has come of it. So a body is
read only by one of a few readers; unread, no more of it comes than a small window. Who takes long
gives its place up: soon if its client has several such, at the limit in any case, at once if
another client finds all places taken. Its stream is cancelled, which exporters take for a reason to
try again.
"""

import threading
from collections.abc import Callable
from typing import Final

from receiver.refusal import Refusal

SLOW_S: Final = 4.0
"""A body that takes longer is slow. A usual one takes milliseconds, and seconds only where this
process hardly gets a processor: that is not its sender's fault."""

SLOW_MAX: Final = 4
"""Slow bodies that one client may have; so it pins no more than four of the largest requests."""

EVICTABLE_S: Final = 1.0
LOOK_S: Final = 0.25


class Reader:
    """One body on its way."""

    __slots__ = ("began_s", "cancel", "client", "is_cancelled")

    def __init__(self, client: str, cancel: Callable[[], object], began_s: float) -> None:
        self.client = client
        self.cancel = cancel
        self.began_s = began_s
        self.is_cancelled = False


class Readers:
    """The places of all readers. Safe for many threads."""

    def __init__(
        self,
        *,
        places: int,
        body_max_s: float,
        wait_s: float,
        monotonic_s: Callable[[], float],
    ) -> None:
        """A request waits `wait_s` for a place before it is refused."""
        self._places = self._places_max = places
        self._body_max_s = body_max_s
        self._wait_s = wait_s
        self._monotonic_s = monotonic_s
        self._free = threading.Condition()
        self._reading: dict[Reader, None] = {}  # oldest first

    def enter(self, client: str, cancel: Callable[[], object]) -> Reader | Refusal:
        """Take a place, or say why there is none; `cancel` ends the stream."""
        with self._free:
            if len(self._reading) >= self._places:
                self._evict_for(client)
                if not self._free.wait_for(
                    lambda: len(self._reading) < self._places, timeout=self._wait_s
                ):
                    return Refusal(
                        reason="overloaded",
                        message=f"{self._places} bodies are being read (receiver.grpc_readers)",
                    )
            reader = Reader(client, cancel, self._monotonic_s())
            self._reading[reader] = None
            return reader

    def open(self, ratio: float) -> None:
        """Give out up to `ratio` of the places from now on, one at least."""
        with self._free:
            self._places = max(1, round(ratio * self._places_max))
            self._free.notify_all()

    def leave(self, reader: Reader) -> None:
        """Give the place back."""
        with self._free:
            del self._reading[reader]
            self._free.notify()

    def look(self) -> int:
        """Cancel those that take too long; return how many."""
        now_s = self._monotonic_s()
        slow_s, slow_of = min(SLOW_S, self._body_max_s), dict[str, list[Reader]]()
        with self._free:
            for reader in self._reading:
                if now_s - reader.began_s > slow_s:
                    slow_of.setdefault(reader.client, []).append(reader)
            victims = [
                reader
                for slow in slow_of.values()
                for place, reader in enumerate(slow)
                if place < len(slow) - SLOW_MAX or now_s - reader.began_s > self._body_max_s
            ]
            return sum(map(self._cancel, victims))

    def _evict_for(self, client: str) -> None:
        """End the oldest body of the client that has most, if that is another one."""
        counts: dict[str, int] = {}
        for reader in self._reading:
            counts[reader.client] = counts.get(reader.client, 0) + 1
        most = max(counts, key=lambda name: counts[name])
        if most == client or counts[most] <= counts.get(client, 0) + 1:
            return
        ended_s = self._monotonic_s() - EVICTABLE_S
        for reader in self._reading:
            if reader.client == most and reader.began_s < ended_s and not reader.is_cancelled:
                self._cancel(reader)
                return

    def _cancel(self, reader: Reader) -> int:
        if reader.is_cancelled:
            return 0
        reader.is_cancelled = True
        reader.cancel()
        return 1
