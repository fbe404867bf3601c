"""How short of memory this process is, in three levels, and what the gate does about it.

The measure is the cgroup's where there is one with a limit (a container), else the resident set
against a limit from the settings. File cache that the kernel can take back does not count.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.current and memory.stat.
"""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Level = Literal["normal", "soft", "hard"]
OPEN_RATIOS: Final[dict[Level, float]] = {"normal": 1.0, "soft": 0.5, "hard": 0.0}
"""How far the gate is open at each level."""

_SOFT_RATIO: Final = 0.85
_HARD_RATIO: Final = 0.95
_BACK_RATIO: Final = 0.05
"""A level is left when this much less is used than it takes to enter it."""

_CGROUP: Final = Path("/sys/fs/cgroup")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is used, and how much there is; `limit_bytes` 0: there is no limit."""

    used_bytes: int
    limit_bytes: int


def level_of(memory: Memory, before: Level) -> Level:
    """Return the level now; it is entered sooner than it is left, so that it does not flutter."""
    if not memory.limit_bytes:
        return "normal"
    ratio = memory.used_bytes / memory.limit_bytes
    if ratio >= _HARD_RATIO - (_BACK_RATIO if before == "hard" else 0.0):
        return "hard"
    if ratio >= _SOFT_RATIO - (_BACK_RATIO if before != "normal" else 0.0):
        return "soft"
    return "normal"


def measure(limit_bytes: int, *, cgroup: Path = _CGROUP) -> Memory:
    """Return what is used. `limit_bytes`: of the resident set, 0 for the cgroup's own limit."""
    if limit_bytes:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return Memory(used_bytes=pages * _PAGE_BYTES, limit_bytes=limit_bytes)
    try:
        told = (cgroup / "memory.max").read_text().strip()
        current = int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return Memory(used_bytes=0, limit_bytes=0)
    cache = int(stat.get("inactive_file", 0))
    return Memory(used_bytes=current - cache, limit_bytes=int(told) if told.isdigit() else 0)


def give_back() -> None:
    """Return what the allocator keeps for later (see memory.py); it takes some milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
