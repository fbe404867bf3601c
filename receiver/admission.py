"""The gate before decoding: bounds what waits for an answer, in bytes and in requests.

Refusing here is cheap, and its sender tries again. (grpcio's own `maximum_concurrent_rpcs` answers
RESOURCE_EXHAUSTED without a delay, which tells the Collector to drop the data.)
"""

import threading

from receiver.refusal import Refusal


class Gate:
    """Admits requests while their bytes and their number stay within the limits."""

    def __init__(self, *, bytes_max: int, requests_max: int) -> None:
        self._bytes_max = bytes_max
        self._requests_max = requests_max
        self._lock = threading.Lock()
        self._bytes = 0
        self._requests = 0

    def enter(self, size_bytes: int) -> Refusal | None:
        """Admit a request of `size_bytes`, or say why not; an empty house admits any one."""
        with self._lock:
            too_many = self._requests >= self._requests_max
            too_big = self._requests > 0 and self._bytes + size_bytes > self._bytes_max
            if too_many or too_big:
                return Refusal(
                    reason="overloaded",
                    message=f"{self._requests} requests of {self._bytes} bytes in flight",
                )
            self._requests += 1
            self._bytes += size_bytes
        return None

    def leave(self, size_bytes: int) -> None:
        """Return what an admitted request took."""
        with self._lock:
            self._requests -= 1
            self._bytes -= size_bytes
