"""How many pods a rate of requests needs, so that a share of them is served within a limit.

M/M/c staffing: the least c for which P(wait + service > limit) stays within what the SLO allows. It
grows like the load plus a multiple of its square root (Halfin and Whitt 1981, "Heavy-traffic limits
for queues with many exponential servers"): a larger service runs hotter at the same promise.
"""

import math
from functools import lru_cache
from typing import Final

from knowledge.erlang import erlang_c, slow_ratio

LOAD_STEP: Final = 0.05
"""Loads are rounded up to this, in erlang, so that answers can be kept."""
WORKERS_MAX: Final = 10_000


def required_pods(
    arrivals_per_s: float,
    *,
    service_ms: float,
    workers_per_pod: int,
    limit_ms: float,
    late_ratio_max: float,
) -> int:
    """Return the least number of pods that keep the promise at this rate.

    Where the work alone takes longer than the limit too often no number would do: it is answered
    what keeps the wait within one service time then.
    """
    load = arrivals_per_s * service_ms / 1000.0
    steps = math.ceil(load / LOAD_STEP)
    workers = _required_workers(steps, round(limit_ms / service_ms, 2), late_ratio_max)
    return math.ceil(workers / workers_per_pod)


@lru_cache(maxsize=65_536)
def _required_workers(load_steps: int, limit: float, late_ratio_max: float) -> int:
    load = load_steps * LOAD_STEP
    if math.exp(-limit) >= late_ratio_max:
        limit, late_ratio_max = 1.0, max(late_ratio_max, math.exp(-1.0) * 1.1)
    low, high = math.floor(load) + 1, math.floor(load) + 2
    while high < WORKERS_MAX and slow_ratio(high, load, limit) > late_ratio_max:
        high += max(1, high - low)
    while low < high:
        middle = (low + high) // 2
        if slow_ratio(middle, load, limit) > late_ratio_max:
            low = middle + 1
        else:
            high = middle
    return low


def service_ms_of(
    sojourn_ms: float, *, arrivals_per_s: float, workers: int, believed_ms: float
) -> float:
    """Return the service time that a mean time in the system leaves when the waiting is taken out.

    The waiting is that of M/M/c at the service time believed so far.
    """
    load = arrivals_per_s * believed_ms / 1000.0
    wait_ms = erlang_c(workers, load) / (workers - load) * believed_ms
    return max(sojourn_ms - wait_ms, 0.0)
