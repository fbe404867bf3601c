"""TLS under one HTTP connection, by OpenSSL in memory.

asyncio's own TLS gives each connection buffers of 256 KiB and hides it until its handshake is done;
here an idle connection costs some 30 KiB, counts from the start, and takes the certificates of the
moment in which it comes.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from receiver.http_connection import Connection
from receiver.tls import names_in

_SLICE_BYTES: Final = 32 * 2**10
"""Taken at a time, so that OpenSSL's buffers stay as small as two records."""

Done = TypeVar("Done")


class Tls(asyncio.Protocol):
    """The protocol of the TCP connection, and the transport of the HTTP one above it."""

    def __init__(self, connection: Connection, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._tcp: Any = None
        self._is_shaken = self._is_paused = False
        self._names: tuple[str, ...] = ()

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        """Count it; what it says comes once the handshake is done."""
        self._tcp = transport
        self._connection.connection_made(self)
        if self._connection.state == "idle":
            self._connection.state = "handshake"

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._connection.connection_lost(exc)

    def eof_received(self) -> bool:
        """Pass it on."""
        return self._connection.eof_received()

    def data_received(self, data: bytes) -> None:
        """Decrypt and pass on, as far as it is read."""
        view = memoryview(data)
        for start in range(0, len(view), _SLICE_BYTES):
            self._in.write(view[start : start + _SLICE_BYTES])
            self._advance()

    # the transport that a connection needs

    def get_extra_info(self, name: str) -> Any:
        """Return what the TCP connection knows, and the names in the client's certificate."""
        if name == "certificate_names":
            return self._names
        return self._tcp.get_extra_info(name)

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        self._attempt(lambda: self._tls.write(data))
        self._flush()

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        self._is_paused = True
        self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """Go on, first with what was already here."""
        self._is_paused = False
        self._tcp.resume_reading()
        asyncio.get_running_loop().call_soon(self._advance)

    def close(self) -> None:
        """Say goodbye, send what is left, hang up."""
        if self._is_shaken:
            with contextlib.suppress(ssl.SSLError):  # the peer's own goodbye is not waited for
                self._tls.unwrap()
            self._flush()
        self._tcp.close()

    def abort(self) -> None:
        """Hang up."""
        self._tcp.abort()

    # within

    def _advance(self) -> None:
        if self._tcp.is_closing():
            return
        if not self._is_shaken:
            self._shake()
        while self._is_shaken and not self._is_paused and not self._tcp.is_closing():
            read = self._attempt(lambda: self._tls.read(_SLICE_BYTES))
            if read is None:
                break
            if not read:  # the peer said goodbye
                if not self._connection.eof_received():
                    self.close()
                break
            self._connection.data_received(read)
        self._flush()

    def _shake(self) -> None:
        if self._attempt(self._handshake):
            self._is_shaken = True
            self._names = names_in(self._tls.getpeercert())
            self._connection.state = "idle"
            self._connection.changed_s = time.monotonic()

    def _handshake(self) -> bool:
        self._tls.do_handshake()
        return True

    def _attempt(self, step: Callable[[], Done]) -> Done | None:
        """Return what a step yields; None: more must come first, or the connection is over."""
        try:
            return step()
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLError, ValueError):
            self._flush()  # the alert that says why
            self._tcp.close()
            return None

    def _flush(self) -> None:
        if self._out.pending:
            self._tcp.write(self._out.read())
