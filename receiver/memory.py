"""How this process's C allocator handles what the receiver does: large buffers, come and gone.

By default glibc maps each large buffer anew and gives it back at once, so that every page of every
request is faulted in again, about a fifth of all CPU time. Kept in one arena the pages are used
again; what is kept stays within what was in flight at the peak, and that the gate bounds.
Source: mallopt(3); the numbers are those of glibc's malloc.h.
"""

import ctypes
import gc
from typing import Final

import pyarrow as pa

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_NEVER_BYTES: Final = 2**30


def keep_large_buffers() -> None:
    """Tell the allocator to use freed pages again, and Arrow to use this allocator.

    A libc without mallopt is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in (
        (_M_ARENA_MAX, 1),
        (_M_MMAP_THRESHOLD, _NEVER_BYTES),
        (_M_TRIM_THRESHOLD, _NEVER_BYTES),
    ):
        mallopt(parameter, value)
    pa.set_memory_pool(pa.system_memory_pool())


def settle() -> None:
    """Take what is there now for lasting: the collector does not look at it again.

    What is imported makes some 100,000 objects, and to look at them all stops this process for 70
    ms, in the midst of its work. Called once it is set up.
    """
    gc.collect()
    gc.freeze()
