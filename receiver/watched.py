"""Files that may be replaced while we run: certificates, keys, principals.

Read again when one of them changes. What then cannot be used is told and the last good state stays:
a file that is half written, or a key whose certificate comes a moment later, must not end service.
"""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

LOOK_S: Final = 1.0
"""How often the files are looked at, at most; that costs a few microseconds."""

State = TypeVar("State")


class Watched(Generic[State]):
    """What `read` makes of files, as of their last good state. Safe for many threads."""

    def __init__(
        self,
        paths: Sequence[Path],
        read: Callable[[], State],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read for the first time; what is raised then is the caller's."""
        self._paths = tuple(paths)
        self._read = read
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._stamp = self._stamps()
        self._look_at_s = monotonic_s() + LOOK_S
        self._state = read()
        self.version = 1

    def get(self) -> State:
        """Return the state, read anew if a file has changed."""
        if self._monotonic_s() < self._look_at_s:
            return self._state
        with self._lock:
            self._look_at_s = self._monotonic_s() + LOOK_S
            stamp = self._stamps()
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
        return self._state

    def _renew(self) -> None:
        try:
            self._state = self._read()
        except (OSError, ValueError) as error:
            sys.stderr.write(f"receiver keeps what it had: {error}\n")
        else:
            self.version += 1
            sys.stderr.write(f"receiver read {', '.join(map(str, self._paths))} again\n")
        sys.stderr.flush()

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with the file; Kubernetes swaps the directory that a link leads to."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
