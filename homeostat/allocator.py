"""What the windows do to the allocator: a step's tables come and go.

jemalloc returns freed pages to the kernel after half a second, so that each step, some seconds
later, faults all of its memory in again: up to a fifth of what windows cost. Kept over three steps
the pages are used again, and an idle brain still gives them back.
Source: jemalloc(3), opt.dirty_decay_ms; polars' build reads the variable with this prefix.
"""

import os
from typing import Final

_VARIABLE: Final = "_RJEM_MALLOC_CONF"
_KEPT_MS: Final = 15_000


def keep_freed_pages() -> None:
    """Tell jemalloc, unless somebody did; only effective before polars is imported."""
    options = f"background_thread:true,dirty_decay_ms:{_KEPT_MS},muzzy_decay_ms:{_KEPT_MS}"
    os.environ.setdefault(_VARIABLE, options)
