"""Local sockets that speak the framing: one header asks, one header (and body) answers.

Each connection has a thread of its own; what the threads share is guarded by the handlers.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from knowledge.framing import FramingError, Message, Unpacker, pack

Handler = Callable[[Message], tuple[Mapping[str, Any], bytes]]

_READ_BYTES: Final = 2**16
_LAST_ANSWER_S: Final = 5.0


class RequestError(ValueError):
    """The request cannot be served; its text is the answer."""


class SocketServer:
    """Serves one handler on one path until it is closed."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._is_closed = False
        self._listener = _listen(path)
        self._thread = threading.Thread(target=self._accept, name=f"accept {path.name}")
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the listener was shut down
                return
            with self._lock:
                if self._is_closed:
                    connection.close()
                    return
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        unpacker = Unpacker()
        with connection, contextlib.suppress(FramingError, OSError):  # a stranger, or a peer gone
            while data := connection.recv(_READ_BYTES):
                for message in unpacker.feed(data):
                    connection.sendall(self._answer(message))
        with self._lock:
            self._connections.pop(connection, None)

    def _answer(self, message: Message) -> bytes:
        try:
            header, body = self._handler(message)
        except ValueError as error:
            header, body = {"ok": False, "error": str(error)}, b""
        return pack(header, len(body)) + body

    def close(self) -> None:
        """Stop listening, answer what has been asked, end the connections, remove the path."""
        with self._lock:
            self._is_closed = True
            connections = dict(self._connections)
        _shut(self._listener, socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in connections:
            _shut(connection, socket.SHUT_RD)
        for thread in connections.values():
            thread.join(_LAST_ANSWER_S)
        self._path.unlink(missing_ok=True)


def _listen(path: Path) -> socket.socket:
    """Return a listener; the path appears only when it can be connected to."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = path.with_name(f".{path.name}.{os.getpid()}")
    before.unlink(missing_ok=True)
    listener.bind(str(before))
    listener.listen()
    before.replace(path)
    return listener


def _shut(peer: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        peer.shutdown(how)
