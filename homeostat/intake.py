"""The brain's end of the frames socket: rows in, one answer per frame out.

The bodies are Arrow IPC that a receiver of ours wrote; nothing here reads what a sender wrote.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa

from analysis.buffers import Buffers
from homeostat.questions import Questions
from knowledge.frames import FrameAnswer, FrameHead
from knowledge.framing import PREFIX_BYTES, FramingError, pack, parse_header, parse_lengths
from knowledge.schemas import SchemaError

log = logging.getLogger(__name__)

KEPT_COUNT_MAX: Final = 64
"""Frames remembered per receiver; it has at most 8 in flight, so a resend is always recognised."""
EPOCHS_MAX: Final = 256
"""Receivers remembered, the newest."""


class Intake:
    """Takes frames into the buffers; a frame that comes twice is kept once."""

    def __init__(
        self,
        buffers: Buffers,
        clock: Callable[[], tuple[int, int]],
        on_spans: Callable[[pa.Table], None] = lambda _: None,
    ) -> None:
        """`clock` returns (now, watermark) in nanoseconds; `on_spans` sees spans that are kept."""
        self._on_spans = on_spans
        self._buffers = buffers
        self._clock = clock
        self._kept: dict[str, deque[int]] = {}
        self.questions = Questions()
        self.counters: dict[str, dict[str, int]] = {}

    def take(self, head: FrameHead, body: pa.Buffer) -> FrameAnswer:
        """Keep one frame's rows, all or none. The buffer is ours from now on."""
        kept = self._kept.setdefault(head.epoch, deque(maxlen=KEPT_COUNT_MAX))
        while len(self._kept) > EPOCHS_MAX:  # the oldest receivers are long gone
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self.counters.pop(oldest, None)
        if head.sequence in kept:
            return FrameAnswer(epoch=head.epoch, sequence=head.sequence, outcome="kept")
        try:
            now, watermark = self._clock()
            rows = pa.ipc.open_stream(body).read_all()
            outcome = self._buffers.add(
                head.signal,
                rows,
                now_unix_ns=now,
                watermark_unix_ns=watermark,
            )
        except (pa.ArrowException, SchemaError) as error:
            log.exception("broken frame", extra={"epoch": head.epoch, "sequence": head.sequence})
            return FrameAnswer(
                epoch=head.epoch, sequence=head.sequence, outcome="broken", reason=str(error)
            )
        if outcome == "kept":
            kept.append(head.sequence)
            if head.signal == "traces":
                self._on_spans(rows)
            return FrameAnswer(epoch=head.epoch, sequence=head.sequence, outcome="kept")
        reason = f"the brain holds {self._buffers.size_bytes} bytes"
        return FrameAnswer(epoch=head.epoch, sequence=head.sequence, outcome="full", reason=reason)

    async def serve(self, path: Path) -> None:
        """Serve receivers on a Unix socket until cancelled."""
        path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            path.chmod(0o600)
            server.listen()
            server.setblocking(False)  # noqa: FBT003 - the socket's own signature
            async with asyncio.TaskGroup() as receivers:
                while True:
                    connection, _ = await loop.sock_accept(server)
                    receivers.create_task(self._converse(connection))

    async def _converse(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection, self.questions.to(connection) as sending:
            connection.setblocking(False)  # noqa: FBT003 - the socket's own signature
            try:
                while True:
                    lengths = await _exactly(connection, PREFIX_BYTES)
                    header_bytes, body_bytes = parse_lengths(lengths.to_pybytes())
                    text = await _exactly(connection, header_bytes)
                    header = parse_header(text.to_pybytes())
                    if "counters" in header:
                        self.counters[str(header["epoch"])] = dict(header["counters"])
                    if "told" in header:
                        self.questions.answer(header)
                    if header.get("heartbeat") or "told" in header:
                        continue
                    head = FrameHead.from_header(header)
                    body = await _exactly(connection, body_bytes)
                    answer = self.take(head, body)
                    async with sending:
                        await loop.sock_sendall(connection, pack(answer.as_header()))
            except (EOFError, OSError):
                return  # the receiver went; it comes back and resends what was not answered
            except (FramingError, ValueError) as error:
                log.warning("a stranger on the frames socket: %s", error)


async def _exactly(connection: socket.socket, size: int) -> pa.Buffer:
    """Read `size` bytes straight into the memory that they stay in."""
    loop = asyncio.get_running_loop()
    buffer = pa.allocate_buffer(size)
    target = memoryview(buffer)
    got = 0
    while got < size:
        count = await loop.sock_recv_into(connection, target[got:])
        if not count:
            raise EOFError
        got += count
    return buffer
