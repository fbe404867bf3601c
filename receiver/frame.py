"""A frame on its way to the brain: its rows as an Arrow IPC stream that copies nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from knowledge.frames import FrameAnswer, FrameHead
from receiver.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One frame, kept until the brain has answered it."""

    head: FrameHead
    body: tuple[pa.Buffer, ...]
    """The pieces of the IPC stream; they point into the rows' own memory."""

    body_bytes: int
    newest_unix_ns: int
    """The latest event time of its rows."""

    expires_monotonic_s: float
    """From then on nobody waits for it: it is not sent again."""

    answered: Callable[[FrameAnswer | Refusal | None], None]
    """Called once with the brain's answer, with why it was not handed over, or with None when there
    will be no answer."""


class _Pieces:
    """A file that keeps the buffers that are written to it, instead of their bytes."""

    closed = False

    def __init__(self) -> None:
        self.buffers: list[pa.Buffer] = []

    def write(self, piece: pa.Buffer | bytes) -> int:
        """Keep one piece."""
        buffer = piece if isinstance(piece, pa.Buffer) else pa.py_buffer(piece)
        self.buffers.append(buffer)
        return int(buffer.size)

    def flush(self) -> None:
        """Do nothing: there is nothing behind."""

    def close(self) -> None:
        """Do nothing: the pieces are still wanted."""


def frame_body(decoded: pa.RecordBatch) -> tuple[pa.Buffer, ...]:
    """Return the body of a frame in pieces; large pieces are not copied."""
    pieces = _Pieces()
    with (
        pa.PythonFile(pieces, mode="w") as sink,
        pa.ipc.new_stream(sink, decoded.schema) as stream,
    ):
        stream.write_batch(decoded)
    return tuple(pieces.buffers)
