"""Requests on their way to the decoder, taken out many at once.

The one thread that decodes is woken when the first request comes and when enough have: waking it
for each would hand the interpreter to and fro, which costs a small request more than its decoding.
"""

import threading
from collections import deque
from typing import Final, Generic, Protocol, TypeVar

CROWD: Final = 4
"""So many requests in a batch, and more come than are decoded meanwhile ..."""
BUSY_RATIO: Final = 3.0
"""... so the next is waited for longer, by this ratio. A batch of one request costs four times what
it costs in a batch of sixteen; where few come, waiting would only keep them from their answer."""


class Weighed(Protocol):
    """Whatever has a body whose bytes count, and a client that waits its turn."""

    @property
    def body(self) -> bytes:
        """Return the bytes."""

    @property
    def client(self) -> str:
        """Return who sent it."""


One = TypeVar("One", bound=Weighed)


class Gathering(Generic[One]):
    """A queue with one taker; its bound is the gate before it."""

    def __init__(self, *, wait_s: float, enough_bytes: int) -> None:
        """Gather for `wait_s` from the first request on, or until `enough_bytes` are there.

        After a crowd it is BUSY_RATIO times as long.
        """
        self._wait_s: Final = wait_s
        self._enough_bytes: Final = enough_bytes
        self._lock = threading.Lock()
        self._some = threading.Condition(self._lock)
        self._enough = threading.Condition(self._lock)
        self._waiting: list[One] = []
        self._bytes = 0
        self._closed = False
        self._was_crowded = False

    def put(self, one: One) -> None:
        """Add a request."""
        with self._lock:
            self._waiting.append(one)
            self._bytes += len(one.body)
            if len(self._waiting) == 1:
                self._some.notify()
            if self._bytes >= self._enough_bytes:
                self._enough.notify()

    def close(self) -> None:
        """Let the taker have what is there, and then no more."""
        with self._lock:
            self._closed = True
            self._some.notify()
            self._enough.notify()

    def take(self) -> list[One]:
        """Wait for requests and return them; none when it is closed and empty."""
        with self._lock:
            self._some.wait_for(lambda: self._waiting or self._closed)
            if not self._closed and self._bytes < self._enough_bytes:
                self._enough.wait(self._wait_s * (BUSY_RATIO if self._was_crowded else 1.0))
            self._was_crowded = len(self._waiting) >= CROWD
            if self._bytes <= 2 * self._enough_bytes:
                taken, self._waiting, self._bytes = self._waiting, [], 0
            else:
                taken, self._waiting = _fairly(self._waiting, self._enough_bytes)
                self._bytes -= sum(len(one.body) for one in taken)
            return taken


def _fairly(waiting: list[One], enough_bytes: int) -> tuple[list[One], list[One]]:
    """Split what waits into what is taken now and what is not: one of each client, in turns.

    So a client that sends ten times as much as another waits ten times as long, not both as long.
    """
    queues: dict[str, deque[One]] = {}
    for one in waiting:
        queues.setdefault(one.client, deque()).append(one)
    taken: list[One] = []
    size_bytes = 0
    turns = deque(queues.values())
    while turns and size_bytes < enough_bytes:
        queue = turns.popleft()
        one = queue.popleft()
        taken.append(one)
        size_bytes += len(one.body)
        if queue:
            turns.append(queue)
    left = {id(one) for queue in turns for one in queue}
    return taken, [one for one in waiting if id(one) in left]
