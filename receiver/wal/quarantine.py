"""A damaged segment gets another name, and what it held is told as lost.

`.quarantined` while what is left of it may be replayed, `.set-aside` from when the brain needs none
of it, for people to look at.
"""

import contextlib
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

SUFFIX: Final = ".quarantined"
SET_ASIDE: Final = ".set-aside"
FILES_MAX: Final = 8
"""Files that are kept for people to look at, in each folder; the oldest go."""

EARLY_NS: Final = 60 * 10**9
"""How much older rows can be than the segment that they are in: exporters hold and retry them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Rows of some time that were acknowledged and cannot be read any more."""

    start_unix_ns: int
    end_unix_ns: int
    reason: str

    def as_header(self) -> dict[str, Any]:
        """Return it as the brain is told."""
        return asdict(self)


def quarantine(path: Path, *, created_unix_ns: int, why: str) -> tuple[Path, Lost]:
    """Rename a segment; return where it is now and what is lost with it."""
    try:
        ended_unix_ns = path.stat().st_mtime_ns
        renamed = path.replace(path.with_suffix(SUFFIX))
    except OSError as error:  # it stays where it is, and what cannot be read is lost all the same
        sys.stderr.write(f"receiver cannot rename {path}: {error.strerror}\n")
        renamed, ended_unix_ns = path, created_unix_ns
    sys.stderr.write(f"receiver quarantines a damaged segment of its log: {renamed}: {why}\n")
    sys.stderr.flush()
    return renamed, Lost(
        start_unix_ns=created_unix_ns - EARLY_NS,
        end_unix_ns=max(ended_unix_ns, created_unix_ns),
        reason="a damaged segment of a receiver's log",
    )


def set_aside(path: Path) -> None:
    """Keep a quarantined file for people; raises OSError."""
    path.replace(path.with_suffix(SET_ASIDE))
    for old in sorted(path.parent.glob(f"*{SET_ASIDE}"))[:-FILES_MAX]:
        with contextlib.suppress(OSError):
            old.unlink()
