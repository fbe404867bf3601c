"""A segment: one file of records, written once from its beginning to its end by one process.

    header, 72 bytes: magic, version, id, epoch, created, index, synced, CRC-32 | record | ...

A file ends where its last whole record ends. What is behind that, a process left half written when
it was killed (a torn tail: nobody was told that it is kept), or something damaged it later.
"""

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from zlib_ng import zlib_ng

from receiver.wal.record import MAGIC, BrokenRecordError, Entry, ReadAt, body_of, entry_at

_FIXED: Final = struct.Struct("<8sI16s16sqQQ")  # magic, version, id, epoch, created, index, synced
_SUM: Final = struct.Struct("<I")
_OURS: Final = b"HomeoWAL"
_VERSION: Final = 1
HEADER_BYTES: Final = _FIXED.size + _SUM.size
_SEARCH_BYTES: Final = 2**20
_ATTEMPTS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a segment is.

    `epoch`: the hexadecimal epoch of the receiver that wrote it. `previous_synced`: how many bytes
    of that receiver's segment before this one were on disk when this one began; 0: it is the first.
    """

    epoch: str
    created_unix_ns: int
    index: int
    previous_synced: int = 0
    identity: bytes = field(default_factory=lambda: uuid.uuid4().bytes)

    @property
    def seed(self) -> int:
        """What the sums of its records begin with."""
        return zlib_ng.crc32(self.identity)

    def pack(self) -> bytes:
        """Return the bytes that begin the file."""
        epoch = bytes.fromhex(self.epoch)
        fixed = _FIXED.pack(
            *(_OURS, _VERSION, self.identity, epoch),
            *(self.created_unix_ns, self.index, self.previous_synced),
        )
        return fixed + _SUM.pack(zlib_ng.crc32(fixed))

    @classmethod
    def read(cls, read_at: ReadAt) -> Self:
        """Read it back.

        Raises:
            BrokenRecordError: the file does not begin as a segment of ours.
        """
        told = read_at(0, HEADER_BYTES)
        fixed = told[: _FIXED.size]
        if len(told) < HEADER_BYTES or _SUM.pack(zlib_ng.crc32(fixed)) != told[_FIXED.size :]:
            raise BrokenRecordError("its header is cut short or damaged")
        magic, version, identity, epoch, created_unix_ns, index, synced = _FIXED.unpack(fixed)
        if magic != _OURS or version != _VERSION:
            raise BrokenRecordError(f"it is not a segment of version {_VERSION}")
        return cls(
            epoch=epoch.hex(),
            created_unix_ns=created_unix_ns,
            index=index,
            previous_synced=synced,
            identity=identity,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The whole records of a segment, and how it ends.

    `synced`: how much of it was on disk once, as far as anything says.
    `lost`: something that was on disk once cannot be read any more; None after a torn tail, which
    is how a killed process leaves its last segment.
    """

    entries: tuple[Entry, ...]
    end: int
    synced: int = 0
    lost: str | None = None


def contents_of(read_at: ReadAt, header: Header, *, size: int, synced: int = 0) -> Contents:
    """List the records of a segment of `size` bytes; bodies are checked when they are read.

    `synced`: how much of it was on disk, as far as the segment after it says.
    """
    entries: list[Entry] = []
    offset = HEADER_BYTES
    while offset < size:
        try:
            entry = entry_at(read_at, offset, size=size, seed=header.seed)
        except BrokenRecordError as error:
            was_synced = offset < synced or _was_synced(read_at, offset, size, header.seed)
            lost = f"at byte {offset}: {error}" if was_synced else None
            break
        entries.append(entry)
        offset = entry.end
    else:
        lost = f"it ends at byte {offset}, {synced} were on disk" if offset < synced else None
    told = max((entry.synced for entry in entries), default=0)
    return Contents(entries=tuple(entries), end=offset, synced=max(synced, told), lost=lost)


def records_of(read_at: ReadAt, *, size: int) -> Iterator[tuple[Entry, bytes]]:
    """Yield the records of a segment up to the first that is not as it was written."""
    try:
        header = Header.read(read_at)
        for entry in contents_of(read_at, header, size=size).entries:
            yield entry, body_of(read_at, entry, seed=header.seed)
    except BrokenRecordError:
        return


def _was_synced(read_at: ReadAt, broken: int, size: int, seed: int) -> bool:
    """Whether a record behind `broken` says that the bytes there were on disk once.

    Records that were being written together may arrive on disk in any order. So a whole record
    behind a broken one proves a loss only if it says that the broken one was safe already.
    """
    offset = broken + 1
    for attempt, place in enumerate(_places(read_at, offset, size)):
        if attempt == _ATTEMPTS_MAX:  # somebody fills attributes with our magic: rather a gap
            return True
        if place < offset:
            continue  # within a record that was found
        try:
            entry = entry_at(read_at, place, size=size, seed=seed)
        except BrokenRecordError:
            continue
        if entry.synced > broken:
            return True
        offset = entry.end
    return False


def _places(read_at: ReadAt, offset: int, size: int) -> Iterator[int]:
    """Yield where a record could begin."""
    overlap = len(MAGIC) - 1
    while offset < size:
        window = read_at(offset, _SEARCH_BYTES + overlap)
        place = window.find(MAGIC)
        while place >= 0:
            yield offset + place
            place = window.find(MAGIC, place + 1)
        offset += _SEARCH_BYTES
