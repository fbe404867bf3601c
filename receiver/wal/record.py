"""One record of a segment: a frame, or a note to it.

    fixed part, 28 bytes  | CRC-32 of fixed part and head, 4 bytes | head: JSON | body: Arrow IPC

frame: as the brain gets it. void: frames that were refused after all. end: the writer has ended in
peace. The fixed part carries the body's own CRC-32, so that heads can be listed without reading
bodies, and `synced`: how far into the segment all bytes were known to be on disk when this record
was written. Every sum starts from the segment's random id: bytes of another segment never pass.
"""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa
from zlib_ng import zlib_ng

Kind = Literal["frame", "void", "end"]
_KINDS: Final[dict[int, Kind]] = {1: "frame", 2: "void", 3: "end"}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_FIXED: Final = struct.Struct("<4sIIIQI")  # magic, kind, head bytes, body bytes, synced, body CRC
_SUM: Final = struct.Struct("<I")
MAGIC: Final = b"HsR1"
_HEAD_MAX_BYTES: Final = 2**20
_BODY_MAX_BYTES: Final = 512 * 2**20
_PEEK_BYTES: Final = 512
"""Enough for the head of nearly every record in one read."""

ReadAt = Callable[[int, int], bytes]
"""(offset, size) to at most `size` bytes of a segment; fewer only at its end. May raise OSError."""

Pieces = Sequence[bytes | pa.Buffer]


class BrokenRecordError(ValueError):
    """Here no record begins, or not all of it is there: what follows cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a record lies, and what its head says; its body is not read yet."""

    kind: Kind
    head: Mapping[str, Any]
    offset: int
    body_offset: int
    body_bytes: int
    body_sum: int
    synced: int

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.body_offset + self.body_bytes


def encode(
    kind: Kind, head: Mapping[str, Any], body: Pieces, *, seed: int, synced: int
) -> list[bytes | pa.Buffer]:
    """Return the pieces of a record; those of the body are not copied."""
    text = json.dumps(head, separators=(",", ":")).encode()
    body_sum = seed
    for piece in body:
        body_sum = zlib_ng.crc32(piece, body_sum)
    size = sum(len(memoryview(piece)) for piece in body)
    fixed = _FIXED.pack(MAGIC, _NUMBERS[kind], len(text), size, synced, body_sum)
    checked = _SUM.pack(zlib_ng.crc32(text, zlib_ng.crc32(fixed, seed)))
    return [fixed + checked + text, *body]


def entry_at(read_at: ReadAt, offset: int, *, size: int, seed: int) -> Entry:
    """Return the entry of the record that begins at `offset` of a segment of `size` bytes.

    Raises:
        BrokenRecordError: there is none, or it is cut short.
    """
    prefix_bytes = _FIXED.size + _SUM.size
    seen = read_at(offset, _PEEK_BYTES)
    if len(seen) < prefix_bytes:
        raise BrokenRecordError("cut short")
    fixed = seen[: _FIXED.size]
    magic, number, head_bytes, body_bytes, synced, body_sum = _FIXED.unpack(fixed)
    if magic != MAGIC or number not in _KINDS or head_bytes > _HEAD_MAX_BYTES:
        raise BrokenRecordError("not a record")
    if len(seen) < prefix_bytes + head_bytes:
        seen = read_at(offset, prefix_bytes + head_bytes)
    text = seen[prefix_bytes : prefix_bytes + head_bytes]
    (head_sum,) = _SUM.unpack(seen[_FIXED.size : prefix_bytes])
    if len(text) < head_bytes or zlib_ng.crc32(text, zlib_ng.crc32(fixed, seed)) != head_sum:
        raise BrokenRecordError("its head is damaged")
    body_offset = offset + prefix_bytes + head_bytes
    if body_bytes > _BODY_MAX_BYTES or body_offset + body_bytes > size:
        raise BrokenRecordError("its body is cut short")
    return Entry(
        kind=_KINDS[number],
        head=json.loads(text),
        offset=offset,
        body_offset=body_offset,
        body_bytes=body_bytes,
        body_sum=body_sum,
        synced=synced,
    )


def body_of(read_at: ReadAt, entry: Entry, *, seed: int) -> bytes:
    """Return the body of a record.

    Raises:
        BrokenRecordError: it is not what was written.
    """
    body = read_at(entry.body_offset, entry.body_bytes)
    if len(body) != entry.body_bytes or zlib_ng.crc32(body, seed) != entry.body_sum:
        raise BrokenRecordError("its body is damaged")
    return body
