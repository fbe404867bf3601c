"""The segments that there are: how large, how new, and which the brain has done with.

A segment is cut when the brain needs none of its rows any more, whatever is in its windows by then.
That is judged by the brain's clock: its answers say before which time it needs nothing (horizon)
and which times it does not believe (ceiling).
"""

import contextlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from receiver.counters import Counters
from receiver.wal.quarantine import set_aside
from receiver.wal.segment import Header


@dataclass(slots=True, kw_only=True, eq=False)
class Segment:
    """One file.

    `newest_unix_ns`: of its rows, as far as that is believed. `synced`: how much was surely on disk
    once. `waiting`: newest time of each frame that the brain has not answered. `keeps_file`: it is
    damaged, people may want it.
    """

    path: Path
    header: Header
    size_bytes: int
    newest_unix_ns: int = 0
    synced: int = 0
    waiting: dict[int, int] = field(default_factory=dict)
    is_open: bool = False
    keeps_file: bool = False


class Catalog:
    """All segments of this process. Safe for many threads."""

    def __init__(self, *, bytes_max: int, counters: Counters) -> None:
        self._bytes_max = bytes_max
        self._counters = counters
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._waiting: dict[int, Segment] = {}
        self._bytes = 0

    def has_room(self, size_bytes: int) -> bool:
        """Whether so much more may be written."""
        with self._lock:
            return self._bytes + size_bytes <= self._bytes_max

    def segments(self) -> tuple[Segment, ...]:
        """All of them, oldest first."""
        with self._lock:
            return tuple(self._segments)

    def found(self, segment: Segment) -> None:
        """Take in a segment of a process that has ended."""
        with self._lock:
            self._segments.append(segment)
            self._bytes += segment.size_bytes

    def began(self, path: Path, header: Header, *, size_bytes: int) -> Segment:
        """Take in a segment that is being written."""
        segment = Segment(path=path, header=header, size_bytes=size_bytes, is_open=True)
        self.found(segment)
        return segment

    def wrote(
        self, segment: Segment, end: int, frames: Iterable[tuple[int, int]], void_unix_ns: int
    ) -> None:
        """Take note of what is on disk now: (sequence, newest time) of each frame.

        `void_unix_ns`: the newest time of frames that are noted as refused: the note is needed for
        as long as they would be.
        """
        with self._lock:
            segment.newest_unix_ns = max(segment.newest_unix_ns, void_unix_ns)
            self._bytes += end - segment.size_bytes
            segment.size_bytes = segment.synced = end
            for sequence, newest_unix_ns in frames:
                segment.waiting[sequence] = newest_unix_ns
                self._waiting[sequence] = segment

    def ended(self, segment: Segment) -> None:
        """Take note that nothing more is written to it."""
        with self._lock:
            segment.is_open = False

    def answered(self, sequence: int, ceiling_unix_ns: int) -> None:
        """Take note that a frame of this process waits no more; the ceiling is the brain's."""
        with self._lock:
            segment = self._waiting.pop(sequence, None)
            if segment is not None:
                newest = min(segment.waiting.pop(sequence), ceiling_unix_ns)
                segment.newest_unix_ns = max(segment.newest_unix_ns, newest)

    def doubt(self, ceiling_unix_ns: int) -> None:
        """Believe no time beyond the ceiling, in segments that other processes wrote."""
        with self._lock:
            for segment in self._segments:
                segment.newest_unix_ns = min(segment.newest_unix_ns, ceiling_unix_ns)

    def cut(self, horizon_unix_ns: int) -> None:
        """Delete what the brain needs no more."""
        with self._lock:
            gone = [
                segment
                for segment in self._segments
                if not segment.is_open
                and not segment.waiting
                and segment.newest_unix_ns < horizon_unix_ns
            ]
            for segment in gone:
                self._segments.remove(segment)
                self._bytes -= segment.size_bytes
        for segment in gone:
            with contextlib.suppress(OSError):  # it is tried again at the next start
                if segment.keeps_file:
                    set_aside(segment.path)
                else:
                    segment.path.unlink()
        if gone:
            self._counters.add("wal_segments_cut", len(gone))
