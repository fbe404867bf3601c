"""Gives a brain what it does not have: frames of the log under the names they were first sent by.

A few at a time, between new frames. One that the brain has no room for is offered again; one that
it does not understand is put down as lost.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from knowledge.frames import FrameAnswer, FrameHead, Greeting
from receiver.frame import Frame
from receiver.wal.catalog import Segment
from receiver.wal.record import BrokenRecordError, Entry, ReadAt, body_of
from receiver.wal.segment import Contents, contents_of

AHEAD: Final = 4
"""Frames that may wait for their answer; they are in memory."""

AGAIN_S: Final = 0.5
_FOREVER_S: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a brain is to be given.

    `own`: the epoch of this process, of which frames up to `own_up_to` are replayed, without those
    `in_flight`: they are sent anyhow.
    """

    greeting: Greeting
    own: str
    own_up_to: int
    in_flight: Collection[int]

    def takes(self, head: FrameHead, newest_unix_ns: int) -> bool:
        """Whether the brain lacks this frame and can use it."""
        if newest_unix_ns < self.greeting.horizon_unix_ns:
            return False
        if head.epoch == self.own and (
            head.sequence > self.own_up_to or head.sequence in self.in_flight
        ):
            return False
        known = self.greeting.kept.get(head.epoch)
        return known is None or head.sequence not in known


class Replay:
    """One replay to one brain. `take` is for one thread; answers may come by another."""

    def __init__(
        self,
        segments: tuple[Segment, ...],
        wanted: Wanted,
        *,
        damaged: Callable[[Segment, str], None],
    ) -> None:
        """`damaged` hears of a segment that cannot be read."""
        self._segments = segments
        self._wanted = wanted
        self._damaged = damaged
        self._frames = self._lacking()
        self._waiting: dict[tuple[str, int], Frame] = {}
        self._again: deque[tuple[float, Frame]] = deque()
        self._is_read = False

    @property
    def is_done(self) -> bool:
        """Whether the brain has answered all."""
        return self._is_read and not self._waiting and not self._again

    @property
    def is_ready(self) -> bool:
        """Whether `take` may have something."""
        if len(self._waiting) >= AHEAD:
            return False
        if self._again:
            return self._again[0][0] <= time.monotonic()
        return not self._is_read

    def take(self) -> Frame | None:
        """Return the next frame to send; None: nothing now."""
        if not self.is_ready:
            return None
        if self._again:
            _, frame = self._again.popleft()
        else:
            found = next(self._frames, None)
            if found is None:
                self._is_read = True
                return None
            frame = found
        self._waiting[frame.head.epoch, frame.head.sequence] = frame
        return frame

    def answered(self, answer: FrameAnswer) -> None:
        """Take note of an answer, whether it is to a frame of the log or not."""
        name = (answer.epoch, answer.sequence)
        frame = self._waiting.get(name)
        if frame is not None:
            if answer.outcome == "full":
                self._again.append((time.monotonic() + AGAIN_S, frame))
            del self._waiting[name]

    def _lacking(self) -> Iterator[Frame]:
        void = self._void()
        for segment in self._segments:
            with _reading(segment) as read_at:
                for entry in self._contents(read_at, segment).entries:
                    if entry.kind != "frame":
                        continue
                    head = FrameHead.from_header(entry.head)
                    newest = int(entry.head["newest_unix_ns"])
                    name = (head.epoch, head.sequence)
                    if name not in void and self._wanted.takes(head, newest):
                        frame = self._frame(read_at, segment, entry, head, newest)
                        if frame is not None:
                            yield frame

    def _void(self) -> set[tuple[str, int]]:
        """Return the frames whose senders were told that they are not kept."""
        void: set[tuple[str, int]] = set()
        for segment in self._segments:
            with _reading(segment) as read_at:
                for entry in self._contents(read_at, segment).entries:
                    if entry.kind == "void":
                        void.update((segment.header.epoch, int(n)) for n in entry.head["void"])
        return void

    def _contents(self, read_at: ReadAt, segment: Segment) -> Contents:
        try:
            return contents_of(read_at, segment.header, size=segment.size_bytes)
        except FileNotFoundError:  # cut meanwhile: the brain needs it no more
            return Contents(entries=(), end=0)
        except OSError as error:
            self._damaged(segment, f"cannot be read: {error.strerror}")
            return Contents(entries=(), end=0)

    def _frame(
        self, read_at: ReadAt, segment: Segment, entry: Entry, head: FrameHead, newest: int
    ) -> Frame | None:
        try:
            body = body_of(read_at, entry, seed=segment.header.seed)
        except (BrokenRecordError, OSError) as error:
            if entry.offset < segment.synced:  # else it is part of a torn tail
                self._damaged(segment, f"at byte {entry.offset}: {error}")
            return None
        return Frame(
            head=head,
            body=(pa.py_buffer(body),),
            body_bytes=len(body),
            newest_unix_ns=newest,
            expires_monotonic_s=_FOREVER_S,
            answered=lambda _: None,  # nobody waits for it
        )


@contextmanager
def _reading(segment: Segment) -> Iterator[ReadAt]:
    """Open a segment when it is first read."""
    opened: list[int] = []

    def read_at(offset: int, size: int) -> bytes:
        if not opened:
            opened.append(os.open(segment.path, os.O_RDONLY))
        return os.pread(opened[0], min(size, segment.size_bytes - offset), offset)

    try:
        yield read_at
    finally:
        for file in opened:
            os.close(file)


def contents_by(segment: Segment, *, synced: int) -> Contents:
    """List what is in a segment of a process that has ended; raises OSError."""
    with _reading(segment) as read_at:
        return contents_of(read_at, segment.header, size=segment.size_bytes, synced=synced)
