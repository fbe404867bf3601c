"""The brain's end of the frames socket: rows in, one answer per frame out.

The bodies are Arrow IPC that a receiver of ours wrote; nothing here reads what a sender wrote.
"""

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa

from analysis.buffers import FUTURE_S_MAX, Buffers
from homeostat.losses import Losses
from homeostat.questions import Questions
from knowledge.frames import FrameAnswer, FrameHead, Greeting
from knowledge.framing import PREFIX_BYTES, FramingError, pack, parse_header, parse_lengths
from knowledge.schemas import SchemaError
from knowledge.sequences import Sequences
from knowledge.windows import Gap

log = logging.getLogger(__name__)

EARLY_S: Final = 30.0
"""How much older than its request a row can be: exporters and Collectors hold them for a while."""
EPOCHS_MAX: Final = 4096
"""Receivers remembered, the newest: more than can start within the reach of a window."""
GREETED_EPOCHS_MAX: Final = 1024
"""Receivers of which one is told what came from them; of more, it sends what is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The brain's times: rows before `watermark` come too late, before `needed` for anything."""

    now_unix_ns: int
    watermark_unix_ns: int
    needed_since_unix_ns: int


class Intake:
    """Takes frames into the buffers; a frame that comes twice is kept once."""

    def __init__(
        self,
        buffers: Buffers,
        clock: Callable[[], Times],
        *,
        room: Callable[[], int] = lambda: 2**62,
        replayed: Callable[[str], None] = lambda _: None,
        on_spans: Callable[[pa.Table], None] = lambda _: None,
    ) -> None:
        """`room`: how many bytes of rows may be held now.

        `replayed` hears of each receiver that has given back what its log holds; `on_spans` sees
        spans that are kept.
        """
        self._room = room
        self._on_spans = on_spans
        self._buffers = buffers
        self._clock = clock
        self._replayed = replayed
        self._losses = Losses(early_s=EARLY_S)
        self._brain = uuid.uuid4().hex
        self._kept: dict[str, Sequences] = {}
        self.questions = Questions()
        self.counters: dict[str, dict[str, int]] = {}
        self.services: dict[str, list[dict[str, Any]]] = {}

    def take(self, head: FrameHead, body: pa.Buffer) -> FrameAnswer:
        """Keep one frame's rows, all or none. The buffer is ours from now on."""
        times = self._clock()

        def answer(outcome: Literal["kept", "full", "broken"], reason: str = "") -> FrameAnswer:
            return FrameAnswer(
                epoch=head.epoch,
                sequence=head.sequence,
                outcome=outcome,
                reason=reason,
                horizon_unix_ns=times.needed_since_unix_ns,
                ceiling_unix_ns=_ceiling(times),
            )

        kept = self._known(head.epoch)
        if head.sequence in kept:
            return answer("kept")
        if self._buffers.size_bytes + body.size > self._room():
            self._buffers.trim(times.now_unix_ns)
            if self._buffers.size_bytes + body.size > self._room():
                self._buffers.counts(head.signal).refused_frames += 1
                return answer("full", f"the brain holds {self._buffers.size_bytes} bytes")
        try:
            rows = pa.ipc.open_stream(body).read_all()
            outcome = self._buffers.add(
                head.signal,
                rows,
                now_unix_ns=times.now_unix_ns,
                watermark_unix_ns=times.watermark_unix_ns,
            )
        except (pa.ArrowException, SchemaError) as error:
            log.exception("broken frame", extra={"epoch": head.epoch, "sequence": head.sequence})
            return answer("broken", str(error))
        if outcome == "kept":
            kept.add(head.sequence)
            if head.signal == "traces":
                self._on_spans(rows)
            return answer("kept")
        return answer("full", f"the brain holds {self._buffers.size_bytes} bytes")

    def greeting(self, epochs: Sequence[str]) -> Greeting:
        """Return what a receiver whose log has frames of `epochs` must know."""
        times = self._clock()
        known = {epoch: self._kept[epoch] for epoch in epochs if epoch in self._kept}
        return Greeting(
            brain=self._brain,
            kept=dict(list(known.items())[-GREETED_EPOCHS_MAX:]),
            horizon_unix_ns=times.needed_since_unix_ns,
            ceiling_unix_ns=_ceiling(times),
        )

    def receivers_remembered(self) -> tuple[int, int]:
        """Return of how many receivers it is known what came, and what they lost."""
        return len(self._kept), len(self._losses)

    def _known(self, epoch: str) -> Sequences:
        """Return what came of a receiver; those of which nothing was heard longest are let go."""
        kept = self._kept[epoch] = self._kept.pop(epoch) if epoch in self._kept else Sequences()
        while len(self._kept) > EPOCHS_MAX:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self.counters.pop(oldest, None)
            self.services.pop(oldest, None)
            self._losses.forget(oldest)
        return kept

    def heard(self, epoch: str, counters: dict[str, int]) -> None:
        """Take a receiver's counters as of now."""
        self._known(epoch)
        self.counters[epoch] = counters
        gap = self._losses.look(epoch, counters, self._clock().now_unix_ns)
        if gap is not None:
            self._buffers.mark_gap(gap)

    async def _hear(
        self, header: Mapping[str, Any], connection: socket.socket, sending: asyncio.Lock
    ) -> None:
        """Take note of what a receiver says beside its frames."""
        epoch = str(header["epoch"])
        if "counters" in header:
            counters = dict(header["counters"])
            self.services[epoch] = counters.pop("services", [])
            self.heard(epoch, counters)
        if "told" in header:
            self.questions.answer(header)
        for lost in header.get("lost", ()):
            self._buffers.mark_gap(Gap(**lost))
        if "hello" in header:
            greeting = pack(self.greeting(header["hello"]).as_header())
            async with sending:
                await asyncio.get_running_loop().sock_sendall(connection, greeting)
        if header.get("replayed"):
            self._replayed(epoch)

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
                    await self._hear(header, connection, sending)
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


def _ceiling(times: Times) -> int:
    return times.now_unix_ns + int(FUTURE_S_MAX * 1e9)


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
