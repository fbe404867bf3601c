"""Do two senders that were authenticated apart say the same of a service, each from its end?

A service's own word is one that its sender could forge; so is its caller's. Both together, by
principals that may each speak for their side only, take two that lie alike. What comes by way of
one gateway is one word, however many services it speaks for.
"""

from typing import Final

from knowledge.identity import ServiceKey
from knowledge.plans import Fact
from knowledge.windows import WindowTables

COUNT_MIN: Final = 20
AGREE_RATIO: Final = 2.0
"""Two figures of one thing: the caller's has the way between them in it, and its own limits."""

ERROR_RATIO_NOISE: Final = 0.02


def corroboration(tables: WindowTables, service: ServiceKey) -> Fact | None:
    """Return that two principals agree on a service's latency and errors; None: they do not."""
    rows = [
        row
        for row in tables.senders.iter_rows(named=True)
        if (row["namespace"], row["service"]) == (service.namespace, service.name)
        and row["span_count"] >= COUNT_MIN
    ]
    for own in (row for row in rows if row["role"] == "server"):
        for other in (row for row in rows if row["role"] == "caller"):
            if own["principal"] == other["principal"]:
                continue
            errors = tuple(row["error_count"] / row["span_count"] for row in (own, other))
            if _agree(own["latency_ms_mean"], other["latency_ms_mean"], 0.0) and _agree(
                errors[0], errors[1], ERROR_RATIO_NOISE
            ):
                return Fact(
                    source="senders",
                    text=f"{own['principal']} and {other['principal']}, authenticated apart, see "
                    f"{own['latency_ms_mean']:.0f} and {other['latency_ms_mean']:.0f} ms, "
                    f"{errors[0]:.0%} and {errors[1]:.0%} errors of {service}",
                )
    return None


def _agree(one: float, other: float, noise: float) -> bool:
    low, high = sorted((one, other))
    return high <= AGREE_RATIO * low + noise
