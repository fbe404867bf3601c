"""The log of one receiver process, as the rest of the receiver uses it.

A frame is on disk before the brain sees it: so whatever was ever in a window can be replayed, and a
request that the disk did not take has left no trace anywhere.
"""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from knowledge.frames import FrameAnswer, Greeting
from receiver.counters import Counters
from receiver.frame import Frame
from receiver.refusal import Refusal
from receiver.wal.catalog import Catalog, Segment
from receiver.wal.disk import Disk, RealDisk
from receiver.wal.folder import Folder, adopt, claim
from receiver.wal.found import Found, look_through
from receiver.wal.quarantine import Lost, quarantine
from receiver.wal.replay import Replay, Wanted
from receiver.wal.writer import Record, Writer

LOST_MAX: Final = 64
"""Gaps that are told to the brain, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Where the log lies, and how large it may grow, in bytes."""

    folder: Path
    bytes_max: int
    segment_bytes: int


class Log:
    """Segments on disk: those of this process, and those that dead ones left."""

    def __init__(
        self, settings: LogSettings, *, epoch: str, counters: Counters, disk: Disk | None = None
    ) -> None:
        """Take a folder and see what is there; raises FolderError."""
        self._epoch = epoch
        self._counters = counters
        self._lock = threading.Lock()
        self._lost: list[Lost] = []
        self._catalog: Final = Catalog(bytes_max=settings.bytes_max, counters=counters)
        own = claim(settings.folder)
        self._folders: tuple[Folder, ...] = (own, *adopt(settings.folder))
        found = [look_through(folder.path) for folder in self._folders]
        for part in found:
            self._take_in(part)
        self._writer = Writer(
            own.path,
            epoch=epoch,
            first_index=found[0].next_index,
            segment_bytes=settings.segment_bytes,
            catalog=self._catalog,
            disk=disk or RealDisk(),
            counters=counters,
        )

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def close(self) -> None:
        """Write what is queued, then let others have the folders."""
        self._writer.close()
        for folder in self._folders:
            folder.release()

    def refusal(self) -> Refusal | None:
        """Return why nothing can be logged just now, if so."""
        if not self._catalog.has_room(0):
            return _full()
        fault = self._writer.fault
        return None if fault is None else Refusal(reason="log_failed", message=fault)

    def append(self, frame: Frame, logged: Callable[[Refusal | None], None]) -> None:
        """Log a frame; `logged` is called once: it is on disk, or why it is not."""
        head = frame.head
        if not self._catalog.has_room(frame.body_bytes):
            logged(_full())
            return

        def done(fault: str | None) -> None:
            if fault is None:
                logged(None)
            else:
                self.void(frame)  # perhaps it is on disk, though nobody can promise it
                logged(Refusal(reason="log_failed", message=fault))

        self._writer.append(
            Record(
                kind="frame",
                head=head.as_header() | {"newest_unix_ns": frame.newest_unix_ns},
                body=frame.body,
                newest_unix_ns=frame.newest_unix_ns,
                done=done,
            )
        )

    def void(self, frame: Frame) -> None:
        """Note that a frame's senders are told to come again: it is not replayed."""
        sequence, newest_unix_ns = frame.head.sequence, frame.newest_unix_ns
        self._catalog.answered(sequence, newest_unix_ns)
        head = {"void": [sequence], "newest_unix_ns": newest_unix_ns}
        self._writer.append(Record(kind="void", head=head, newest_unix_ns=newest_unix_ns))

    def answered(self, answer: FrameAnswer) -> None:
        """Take note of what the brain says, and cut what it needs no more."""
        if answer.epoch == self._epoch:
            self._catalog.answered(answer.sequence, answer.ceiling_unix_ns)
        if answer.outcome == "broken":
            self._counters.add("wal_frames_not_understood")
            self._lose(answer.ceiling_unix_ns, answer.reason)
        self._catalog.cut(answer.horizon_unix_ns)

    def epochs(self) -> list[str]:
        """Return whose frames there are."""
        return sorted({segment.header.epoch for segment in self._catalog.segments()})

    def lost(self) -> list[Lost]:
        """Return of which times acknowledged rows cannot be read any more."""
        with self._lock:
            return list(self._lost)

    def replay(self, greeting: Greeting, *, own_up_to: int, in_flight: Collection[int]) -> Replay:
        """Begin to give a brain what it lacks."""
        self._catalog.doubt(greeting.ceiling_unix_ns)
        self._catalog.cut(greeting.horizon_unix_ns)
        wanted = Wanted(
            greeting=greeting, own=self._epoch, own_up_to=own_up_to, in_flight=in_flight
        )
        return Replay(self._catalog.segments(), wanted, damaged=self._damaged)

    def horizon(self, greeting: Greeting) -> None:
        """Cut what the brain needs no more, also while nothing comes.

        No time that a sender made up holds a segment beyond the brain's own ceiling.
        """
        self._catalog.doubt(greeting.ceiling_unix_ns)
        self._catalog.cut(greeting.horizon_unix_ns)

    def _take_in(self, found: Found) -> None:
        for segment in found.segments:
            self._catalog.found(segment)
        with self._lock:
            self._lost = [*self._lost, *found.lost][-LOST_MAX:]
        self._counters.add_all(
            {"wal_segments_found": len(found.segments), "wal_quarantined": len(found.lost)}
        )

    def _damaged(self, segment: Segment, why: str) -> None:
        if not segment.keeps_file:
            segment.keeps_file = True
            segment.path, lost = quarantine(
                segment.path, created_unix_ns=segment.header.created_unix_ns, why=why
            )
            self._counters.add("wal_quarantined")
            with self._lock:
                self._lost = [*self._lost, lost][-LOST_MAX:]

    def _lose(self, until_unix_ns: int, reason: str) -> None:
        lost = Lost(start_unix_ns=0, end_unix_ns=until_unix_ns, reason=f"not understood: {reason}")
        with self._lock:
            self._lost = [*self._lost, lost][-LOST_MAX:]


def _full() -> Refusal:
    return Refusal(reason="log_full", message="the log is at receiver.wal.bytes_max")
