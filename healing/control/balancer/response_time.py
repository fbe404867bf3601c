"""More for who answers sooner."""

from collections.abc import Mapping

from healing.control.balancer.values import Load

LATENCY_MS_MIN = 0.05
"""Below this clocks tell more than backends do."""


class ResponseTime:
    """One over the latency; who has answered nothing yet counts as the slowest."""

    def wishes(self, loads: tuple[Load, ...]) -> Mapping[str, float]:
        """Return 1 / latency in ms."""
        return {address: 1.0 / latency for address, latency in latencies(loads).items()}


def latencies(loads: tuple[Load, ...]) -> dict[str, float]:
    """Return each backend's latency in ms, never 0, that of the slowest where it is not known."""
    known = [load.latency_ms for load in loads if load.latency_ms is not None]
    slowest = max(known, default=1.0)
    return {
        load.address: max(slowest if load.latency_ms is None else load.latency_ms, LATENCY_MS_MIN)
        for load in loads
    }
