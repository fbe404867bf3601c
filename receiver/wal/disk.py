"""The few file operations that the log needs; tests put a disk that fails in their place."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

_PIECES_PER_CALL: Final = 512
"""Linux takes 1,024 pieces in one writev."""


class Disk(Protocol):
    """All methods raise OSError."""

    def create(self, path: Path) -> int:
        """Create a file, durably also in its folder; return its descriptor."""

    def write(self, file: int, pieces: Sequence[bytes | pa.Buffer]) -> None:
        """Write all pieces at the end."""

    def sync(self, file: int) -> None:
        """Return once what was written is on disk."""

    def truncate(self, file: int, size: int) -> None:
        """Forget what lies behind `size`, and write there next."""

    def close(self, file: int) -> None:
        """Let go of a file."""


class RealDisk:
    """The operating system's."""

    def create(self, path: Path) -> int:
        """Create a file, durably also in its folder; return its descriptor."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            sync_folder(path.parent)
        except OSError:
            os.close(file)
            raise
        return file

    def write(self, file: int, pieces: Sequence[bytes | pa.Buffer]) -> None:
        """Write all pieces at the end."""
        views = [view for piece in pieces if (view := memoryview(piece).cast("B"))]
        while views:
            written = os.writev(file, views[:_PIECES_PER_CALL])
            done = 0
            while done < len(views) and written >= len(views[done]):
                written -= len(views[done])
                done += 1
            views = views[done:]
            if written:
                views[0] = views[0][written:]

    def sync(self, file: int) -> None:
        """Return once what was written is on disk."""
        os.fdatasync(file)

    def truncate(self, file: int, size: int) -> None:
        """Forget what lies behind `size`, and write there next."""
        os.ftruncate(file, size)

    def close(self, file: int) -> None:
        """Let go of a file."""
        os.close(file)


def sync_folder(folder: Path) -> None:
    """Make the names of its files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
