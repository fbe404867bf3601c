"""Erlang's formulas: how long requests wait for c workers.

Erlang C: Erlang 1917; as in Kleinrock 1975, "Queueing Systems" volume 1, section 3.5. The tail of
the time in the system: as in Gross, Shortle, Thompson, Harris 2008, "Fundamentals of Queueing
Theory", 2.3.
"""

import math
from typing import Final

_EPSILON: Final = 1e-9


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that an arrival must wait in M/M/c.

    Raises:
        ValueError: the load (erlang) is not below the number of servers.
    """
    if not 0.0 <= load < servers:
        raise ValueError(f"load {load} is not below {servers} servers")
    blocked = 1.0  # Erlang B by its recursion over the number of servers
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


def mean_wait_ms(servers: int, arrivals_per_s: float, service_ms_mean: float) -> float:
    """Return the mean time in the queue of M/M/c.

    Raises:
        ValueError: the load is not below the number of servers.
    """
    load = arrivals_per_s * service_ms_mean / 1000.0
    return erlang_c(servers, load) * service_ms_mean / (servers - load)


def slow_ratio(servers: int, load: float, limit_in_services: float) -> float:
    """Return the share of M/M/c requests that take longer than a limit, wait and service together.

    `load` in erlang, the limit as a multiple of the mean service time. All are slow at a load that
    no queue survives.
    """
    if load >= servers:
        return 1.0
    return tail_beyond(erlang_c(servers, load), servers - load, limit_in_services)


def tail_beyond(waiting: float, slack: float, limit_in_services: float) -> float:
    """Return P(wait + service > limit): the wait is 0, or exponential with rate `slack` if waiting.

    `waiting` is the probability to wait, `slack` is servers less load; service is exponential.
    """
    served = math.exp(-limit_in_services)
    if abs(slack - 1.0) < _EPSILON:
        both = (1.0 + limit_in_services) * served
    else:
        both = (slack * served - math.exp(-slack * limit_in_services)) / (slack - 1.0)
    return (1.0 - waiting) * served + waiting * both
