"""The gate before decoding: bounds what waits for an answer, and shares it among clients.

Refusing here is cheap, and its sender tries again. (grpcio's own `maximum_concurrent_rpcs` answers
RESOURCE_EXHAUSTED without a delay, which tells the Collector to drop the data.)

One client may use all that nobody else wants. Once half of the gate is taken, a client that holds
more than its part of it (an equal one for each client of the last seconds) is refused before others
are: what it sends beyond its part cannot push anybody else out.
"""

import threading
from collections.abc import Callable
from typing import Final

from receiver.refusal import NO_MEMORY, Refusal

ACTIVE_S: Final = 10.0
"""How long a client counts after its last request; longer than exporters wait between tries."""

LATE_S: Final = 3.0
"""When a request has waited so long for its turn, no more are admitted of whoever has its part of
the queue, until that is half as long: what is in it must be answered while its sender waits."""

CLIENTS_MAX: Final = 10_000
"""Clients to remember. Of more, the part of each would be too small for a request anyway."""

_CONTENDED_RATIO: Final = 0.5


class _Client:
    __slots__ = ("bytes", "requests", "seen_s")

    def __init__(self) -> None:
        self.bytes = 0
        self.requests = 0
        self.seen_s = 0.0


class Gate:
    """Admits requests while their bytes and their number stay within the limits."""

    def __init__(
        self, *, bytes_max: int, requests_max: int, monotonic_s: Callable[[], float]
    ) -> None:
        self._bytes_max = bytes_max
        self._requests_max = requests_max
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._bytes = 0
        self._requests = 0
        self._clients: dict[str, _Client] = {}
        self._sweep_at_s = 0.0
        self._open_ratio = 1.0
        self._is_late = False

    def open(self, ratio: float) -> None:
        """Admit up to `ratio` of the limits from now on; 0 closes the gate."""
        with self._lock:
            self._open_ratio = ratio

    def enter(self, size_bytes: int, client: str) -> Refusal | None:
        """Admit a request of `size_bytes`, or say why not; an empty house admits any one."""
        now_s = self._monotonic_s()
        with self._lock:
            one = self._client(client, now_s)
            refusal = self._refusal(size_bytes, one)
            if refusal is None:
                self._requests += 1
                self._bytes += size_bytes
                one.requests += 1
                one.bytes += size_bytes
            return refusal

    def waited(self, wait_s: float) -> None:
        """Take note of how long a request waited whose turn it is now."""
        with self._lock:
            if wait_s > LATE_S:
                self._is_late = True
            elif wait_s < LATE_S / 2:
                self._is_late = False

    def foretell(self, client: str) -> Refusal | None:
        """Return why a request of any size would be refused now; it is not admitted by that."""
        now_s = self._monotonic_s()
        with self._lock:
            return self._refusal(1, self._client(client, now_s))

    def leave(self, size_bytes: int, client: str) -> None:
        """Return what an admitted request took."""
        with self._lock:
            self._requests -= 1
            self._bytes -= size_bytes
            one = self._clients[client]
            one.requests -= 1
            one.bytes -= size_bytes

    def in_flight(self) -> tuple[int, int]:
        """Return the requests and the bytes that wait for their answer."""
        with self._lock:
            return self._requests, self._bytes

    def _refusal(self, size_bytes: int, one: _Client) -> Refusal | None:
        if self._open_ratio <= 0:
            return NO_MEMORY
        part = 1 / len(self._clients)
        if self._is_late and one.requests and one.bytes + size_bytes > part * self._bytes:
            return Refusal(
                reason="overloaded",
                message=f"requests wait longer than {LATE_S:g} s for their turn",
            )
        bytes_max = self._bytes_max * self._open_ratio
        requests_max = self._requests_max * self._open_ratio
        bytes_after, requests_after = self._bytes + size_bytes, self._requests + 1
        if requests_after > requests_max or (self._requests and bytes_after > bytes_max):
            return Refusal(
                reason="overloaded",
                message=f"{self._requests} requests of {self._bytes} bytes in flight",
            )
        contended = (
            bytes_after > bytes_max * _CONTENDED_RATIO
            or requests_after > requests_max * _CONTENDED_RATIO
        )
        over = one.bytes + size_bytes > bytes_max * part or one.requests + 1 > requests_max * part
        if contended and over and one.requests:
            return Refusal(
                reason="over_share",
                message=f"{one.requests} requests of {one.bytes} bytes of this client in flight, "
                f"more than its part among {len(self._clients)}",
            )
        return None

    def _client(self, name: str, now_s: float) -> _Client:
        if now_s >= self._sweep_at_s or len(self._clients) > CLIENTS_MAX:
            self._sweep_at_s = now_s + ACTIVE_S / 10
            self._clients = {
                key: one
                for key, one in self._clients.items()
                if one.requests or one.seen_s + ACTIVE_S > now_s
            }
        one = self._clients.get(name)
        if one is None:
            one = self._clients[name] = _Client()
        one.seen_s = now_s
        return one
