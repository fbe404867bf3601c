"""A disk that fails when told to, and keeps after a power cut only what was synced."""

import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from receiver.wal.disk import RealDisk


class FaultyDisk(RealDisk):
    """Real files with failures."""

    def __init__(self) -> None:
        self.fails: dict[str, int] = {}  # operation: errno of the next one
        self._paths: dict[int, Path] = {}
        self._synced: dict[Path, int] = {}

    def _may_fail(self, operation: str) -> None:
        number = self.fails.pop(operation, None)
        if number is not None:
            raise OSError(number, os.strerror(number))

    def create(self, path: Path) -> int:
        self._may_fail("create")
        file = super().create(path)
        self._paths[file], self._synced[path] = path, 0
        return file

    def write(self, file: int, pieces: Sequence[bytes | pa.Buffer]) -> None:
        if self.fails.get("write") == errno.ENOSPC:
            half = b"".join(bytes(piece) for piece in pieces)
            super().write(file, [half[: len(half) // 2]])
        self._may_fail("write")
        super().write(file, pieces)

    def sync(self, file: int) -> None:
        self._may_fail("sync")
        self._synced[self._paths[file]] = os.fstat(file).st_size

    def truncate(self, file: int, size: int) -> None:
        self._may_fail("truncate")
        super().truncate(file, size)

    def power_cut(self, chance: random.Random) -> None:
        """Leave of each file what was synced, and of what was not any bytes and a hole."""
        for path, synced in self._synced.items():
            if not path.exists():
                continue
            data = bytearray(path.read_bytes())
            del data[chance.randint(synced, max(synced, len(data))) :]
            if len(data) > synced and chance.random() < 0.5:
                begin = chance.randrange(synced, len(data))
                end = min(len(data), begin + chance.randint(1, 64))
                data[begin:end] = bytes(end - begin)
            path.write_bytes(data)
