"""One connection to the brain: blocking sends of many pieces, and the answers that come back."""

import contextlib
import itertools
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from knowledge.framing import Unpacker, pack
from receiver.frame import Frame

_PIECES_PER_CALL: Final = 512
"""Linux takes 1,024 pieces in one sendmsg."""

TOLD_PERIOD_S: Final = 0.25
_ANSWER_BYTES: Final = 64 * 2**10
_SEND_BUFFER_BYTES: Final = 4 * 2**20
"""Asked of the kernel, which grants what its own bound allows."""


class Connection:
    """A connected Unix socket. One thread sends, another reads.

    Its methods raise OSError once the peer is gone.
    """

    def __init__(self, path: str, *, timeout_s: float) -> None:
        """Connect; a send that makes no progress for `timeout_s` counts as a lost peer."""
        self._told_at_s = 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def send_frame(self, frame: Frame, counters: Callable[[], Mapping[str, Any]]) -> None:
        """Send a frame, now and then with the counters of the moment: they cost as much as it."""
        header, now_s = frame.head.as_header(), time.monotonic()
        if now_s >= self._told_at_s + TOLD_PERIOD_S:
            self._told_at_s = now_s
            header |= {"counters": dict(counters())}
        self._send([pa.py_buffer(pack(header, frame.body_bytes)), *frame.body])

    def send_header(self, header: Mapping[str, Any]) -> None:
        """Send a message without a body."""
        self._socket.sendall(pack(header))

    def _send(self, pieces: Sequence[pa.Buffer]) -> None:
        views = [memoryview(piece).cast("B") for piece in pieces if piece.size]
        while views:
            sent = self._socket.sendmsg(views[:_PIECES_PER_CALL])
            done = 0
            while done < len(views) and sent >= len(views[done]):
                sent -= len(views[done])
                done += 1
            views = views[done:]
            if sent:
                views[0] = views[0][sent:]

    def answers(self) -> Iterator[Mapping[str, Any]]:
        """Yield the headers that the brain sends, until it hangs up.

        Raises:
            FramingError: the peer does not speak our framing.
        """
        unpacker = Unpacker()
        for _ in itertools.count():
            try:
                data = self._socket.recv(_ANSWER_BYTES)
            except TimeoutError:
                continue  # silence is no fault: there may be nothing to answer
            if not data:
                return
            for message in unpacker.feed(data):
                yield message.header

    def close(self) -> None:
        """Hang up; wakes both threads."""
        with contextlib.suppress(OSError):  # the peer was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
