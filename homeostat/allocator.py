"""How memory is handled: by polars' allocator, and by the garbage collector.

What the windows do to the allocator: a step's tables come and go.

jemalloc returns freed pages to the kernel after half a second, so that each step, some seconds
later, faults all of its memory in again: up to a fifth of what windows cost. Kept over three steps
the pages are used again, and an idle brain still gives them back.
Source: jemalloc(3), opt.dirty_decay_ms; polars' build reads the variable with this prefix.
"""

import gc
import os
from typing import Final

_VARIABLE: Final = "_RJEM_MALLOC_CONF"
_KEPT_MS: Final = 15_000


def keep_freed_pages() -> None:
    """Tell jemalloc, unless somebody did; only effective before polars is imported."""
    options = f"background_thread:true,dirty_decay_ms:{_KEPT_MS},muzzy_decay_ms:{_KEPT_MS}"
    os.environ.setdefault(_VARIABLE, options)


def freeze_what_stays() -> None:
    """Take what was made until now (modules, above all) out of what is collected.

    A full collection would look through all of it again, and hold the loop for 60 ms meanwhile.
    """
    gc.collect()
    gc.freeze()
