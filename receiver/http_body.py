"""The body of a request while it comes in: bounded, and announced to the gate when it is large."""

from typing import Final

from receiver.http_host import Host
from receiver.refusal import Refusal

UNRESERVED_BYTES: Final = 16 * 2**10
"""Bodies up to this size are read without asking the gate."""

_STEP_BYTES: Final = 2**20
"""How much is set aside at a time for a body that does not tell its size."""


class Body:
    """The pieces of one body."""

    __slots__ = ("_host", "_parts", "_reserved", "client", "received_bytes")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._parts: list[bytes] = []
        self._reserved = 0
        self.client = ""
        self.received_bytes = 0

    def announce(self, size_bytes: int) -> Refusal | None:
        """Set aside what the head says is coming, or say why not."""
        return self._reserve(size_bytes) if size_bytes > UNRESERVED_BYTES else None

    def add(self, piece: bytes) -> Refusal | None:
        """Keep a piece, or say why there is no room for it."""
        self.received_bytes += len(piece)
        if self.received_bytes > max(self._reserved, UNRESERVED_BYTES):
            refusal = self._reserve(_STEP_BYTES)
            if refusal is not None:
                return refusal
        self._parts.append(piece)
        return None

    def whole(self) -> bytes:
        """Return the whole body, which stays announced until it is dropped."""
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def take(self) -> bytes:
        """Return the whole body; nothing is held any more."""
        whole = self.whole()
        self.drop()
        return whole

    def drop(self) -> None:
        """Hold nothing any more."""
        self._parts = []
        if self._reserved:
            self._host.release(self._reserved, self.client)
            self._reserved = 0

    def _reserve(self, size_bytes: int) -> Refusal | None:
        refusal = self._host.reserve(size_bytes, self.client)
        if refusal is None:
            self._reserved += size_bytes
        return refusal
