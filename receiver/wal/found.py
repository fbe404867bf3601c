"""What dead processes left in a folder: segments to replay, and damaged ones, quarantined."""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from receiver.wal.catalog import Segment
from receiver.wal.quarantine import SET_ASIDE, Lost, quarantine
from receiver.wal.record import BrokenRecordError
from receiver.wal.replay import contents_by
from receiver.wal.segment import HEADER_BYTES, Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Segments in order, what is lost, and the first index that is free."""

    segments: tuple[Segment, ...]
    lost: tuple[Lost, ...]
    next_index: int


def look_through(folder: Path) -> Found:
    """List the segments of a folder; a torn tail is cut, damage is quarantined."""
    segments: list[Segment] = []
    lost: list[Lost] = []
    files = sorted(path for path in folder.iterdir() if path.stem.isdigit())
    next_index = 1 + max((int(path.stem) for path in files), default=0)
    for path in files:
        if path.suffix == SET_ASIDE:
            continue
        opened = _opened(path)
        if isinstance(opened, Segment):
            segments.append(opened)
        elif opened is not None:
            lost.append(opened)
    for segment, following in itertools.zip_longest(segments, segments[1:]):
        is_same = following is not None and following.header.epoch == segment.header.epoch
        synced = following.header.previous_synced if following is not None and is_same else 0
        gap = _listed(segment, synced)
        if gap is not None:
            lost.append(gap)
    return Found(segments=tuple(segments), lost=tuple(lost), next_index=next_index)


def _opened(path: Path) -> Segment | Lost | None:
    """Return a segment with its header, or what is lost with it; None: it was never used."""
    try:
        size = path.stat().st_size
        if size <= HEADER_BYTES:
            path.unlink()  # its writer was killed before the first record
            return None
        with path.open("rb") as file:
            header = Header.read(lambda offset, size: os.pread(file.fileno(), size, offset))
    except (BrokenRecordError, OSError) as error:
        created_unix_ns = path.stat().st_mtime_ns
        return quarantine(path, created_unix_ns=created_unix_ns, why=str(error))[1]
    return Segment(path=path, header=header, size_bytes=size)


def _listed(segment: Segment, synced: int) -> Lost | None:
    """Read the heads of a segment into it; return what is lost."""
    why = None
    try:
        contents = contents_by(segment, synced=synced)
        why = contents.lost
        segment.size_bytes, segment.synced = contents.end, contents.synced
        segment.newest_unix_ns = max(
            (int(entry.head.get("newest_unix_ns", 0)) for entry in contents.entries),
            default=0,
        )
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    if why is None:
        return None
    segment.keeps_file = True
    segment.path, lost = quarantine(
        segment.path, created_unix_ns=segment.header.created_unix_ns, why=why
    )
    return lost
