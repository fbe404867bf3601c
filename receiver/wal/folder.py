"""Each receiver process owns a folder: the first free one, and any that a dead process left.

A lock that ends with its process (flock) says whose a folder is, so no list of processes is needed.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from receiver.wal.disk import sync_folder

_FOLDERS_MAX: Final = 1024


class FolderError(RuntimeError):
    """The log's place cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder that this process alone writes to, as long as it holds the lock."""

    path: Path
    lock: int

    def release(self) -> None:
        """Let another process have it."""
        os.close(self.lock)


def claim(root: Path) -> Folder:
    """Take the first folder that nobody holds; there is always a next number.

    Raises:
        FolderError: the place cannot be written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(_FOLDERS_MAX):
            folder = _take(root / str(number))
            if folder is not None:
                return folder
    except OSError as error:
        raise FolderError(
            f"the log's folder {root} cannot be used: {error.strerror}; set receiver.wal.folder "
            "to a place on a volume of its own, or receiver.durability to memory"
        ) from error
    raise FolderError(f"all {_FOLDERS_MAX} folders in {root} are taken by running receivers")


def adopt(root: Path) -> tuple[Folder, ...]:
    """Take all folders of dead processes; one that cannot be taken stays for the next start."""
    found = []
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name.isdigit() and _has_segments(path):
            try:
                folder = _take(path)
            except OSError:
                continue
            if folder is not None:
                found.append(folder)
    return tuple(found)


def _has_segments(folder: Path) -> bool:
    return any(path.stem.isdigit() for path in folder.iterdir())


def _take(path: Path) -> Folder | None:
    if not path.exists():
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Folder(path=path, lock=lock)
