"""Writes records, many at once, and says of each when it is on disk.

One thread: whatever came while the disk was busy is the next group (group commit). A write that
fails is taken back and its frames are refused. A sync that fails ends the segment for good: the
kernel may have dropped the pages and would report success on a second try
(https://www.usenix.org/system/files/atc20-rebello.pdf), so nothing is ever acknowledged on it.
"""

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from receiver.counters import Counters
from receiver.wal.catalog import Catalog, Segment
from receiver.wal.disk import Disk
from receiver.wal.record import Kind, Pieces, encode
from receiver.wal.segment import HEADER_BYTES, Header

RETRY_S: Final = 1.0
"""After a failure requests are refused at once for so long, then one may try the disk again."""

_GROUP_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """What is to be written; `done` is called once, with None or with why it is not on disk."""

    kind: Kind
    head: Mapping[str, Any]
    body: Pieces = ()
    newest_unix_ns: int = 0
    done: Callable[[str | None], None] = field(default=lambda _: None)

    @property
    def size_bytes(self) -> int:
        """About how much it takes."""
        return sum(len(memoryview(piece)) for piece in self.body) + 512


class Writer:
    """Appends to the segments of one folder, one after the other. `append` is for any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        epoch: str,
        first_index: int,
        segment_bytes: int,
        catalog: Catalog,
        disk: Disk,
        counters: Counters,
    ) -> None:
        self._folder = folder
        self._epoch = epoch
        self._index = first_index
        self._segment_bytes = segment_bytes
        self._catalog = catalog
        self._disk = disk
        self._counters = counters
        self._some = threading.Condition()
        self._waiting: list[Record] = []
        self._closed = False
        self._file: int | None = None
        self._segment: Segment | None = None
        self._seed = 0
        self._end = 0  # of what is on disk
        self._previous_synced = 0
        self._fault: tuple[float, str] | None = None
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why the last try failed, for as long as no other is worth it; None: write."""
        fault = self._fault
        return fault[1] if fault and time.monotonic() < fault[0] + RETRY_S else None

    def append(self, record: Record) -> None:
        """Queue a record."""
        with self._some:
            self._waiting.append(record)
            self._some.notify()

    def close(self) -> None:
        """Write what is queued, and end the segment."""
        with self._some:
            self._closed = True
            self._some.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._take():
            fault: str | None = None
            try:
                fault = self._commit(group)
            except Exception:  # noqa: BLE001 - this thread serves all senders, it must not end
                traceback.print_exc(file=sys.stderr)
                fault = "a bug in the log"
                self._abandon()
            for record in group:
                record.done(fault)
        if self._file is not None:
            with contextlib.suppress(OSError):
                pieces = encode("end", {}, (), seed=self._seed, synced=self._end)
                self._disk.write(self._file, pieces)
                self._disk.sync(self._file)
            self._abandon()

    def _take(self) -> list[Record]:
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._closed)
            size, count = 0, 0
            while count < len(self._waiting) and (not count or size < _GROUP_BYTES):
                size += self._waiting[count].size_bytes
                count += 1
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
            return taken

    def _commit(self, group: list[Record]) -> str | None:
        """Write a group and wait for the disk; return why it is not there."""
        if not self._catalog.has_room(sum(record.size_bytes for record in group)):
            return self._failed("full", "the log is at receiver.wal.bytes_max")
        try:
            file = self._opened()
            segment = self._segment
            assert segment is not None
        except OSError as error:
            return self._failed("error", f"the log cannot begin a segment: {error.strerror}")
        began_s = time.monotonic()
        pieces = [
            piece
            for record in group
            for piece in encode(
                record.kind, record.head, record.body, seed=self._seed, synced=self._end
            )
        ]
        try:
            self._disk.write(file, pieces)
        except OSError as error:
            try:
                self._disk.truncate(file, self._end)
            except OSError:
                self._abandon()
            return self._failed("error", f"the log cannot be written: {error.strerror}")
        try:
            self._disk.sync(file)
        except OSError as error:
            self._counters.add("wal_segments_abandoned")
            self._abandon()
            return self._failed("error", f"the log cannot be synced: {error.strerror}")
        self._fault = None
        self._end += sum(len(memoryview(piece)) for piece in pieces)
        frames = [record for record in group if record.kind == "frame"]
        self._catalog.wrote(
            segment,
            self._end,
            [(int(frame.head["sequence"]), frame.newest_unix_ns) for frame in frames],
            max((record.newest_unix_ns for record in group if record.kind == "void"), default=0),
        )
        self._counters.add_all(
            {
                "wal_syncs": 1,
                "wal_records": len(group),
                "wal_sync_us": int(1e6 * (time.monotonic() - began_s)),
            }
        )
        return None

    def _opened(self) -> int:
        """Return the file to write to; a new one where the present one is long enough."""
        if self._file is not None and self._end < self._segment_bytes:
            return self._file
        self._abandon()
        header = Header(
            epoch=self._epoch,
            created_unix_ns=time.time_ns(),
            index=self._index,
            previous_synced=self._previous_synced,
        )
        path = self._folder / f"{self._index:016d}.segment"
        self._index += 1
        file = self._disk.create(path)
        try:
            self._disk.write(file, [header.pack()])
            self._disk.sync(file)  # so that a damaged header is damage, never a power cut's doing
        except OSError:
            self._disk.close(file)
            path.unlink(missing_ok=True)
            raise
        self._file, self._end, self._seed = file, HEADER_BYTES, header.seed
        self._segment = self._catalog.began(path, header, size_bytes=HEADER_BYTES)
        return file

    def _abandon(self) -> None:
        """Write no more to the present segment."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self._disk.close(self._file)
        if self._segment is not None:
            self._catalog.ended(self._segment)
        self._previous_synced = self._end
        self._file = self._segment = None

    def _failed(self, how: str, why: str) -> str:
        self._counters.add(f"wal_{how}")
        if self._fault is None:
            sys.stderr.write(f"receiver refuses what comes: {why}\n")
        self._fault = (time.monotonic(), why)
        return why
