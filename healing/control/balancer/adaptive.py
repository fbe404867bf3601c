"""By goodput for the time that it takes, with a penalty for failing and for being crowded.

The form is gRPC's weighted round robin (gRFC A58: rate over utilisation, plus an error penalty),
with the time that a call is in flight in place of a utilisation that nobody reports. Crowded is who
has more calls in flight than most: hot and cold as in Prequal (Wydrowski et al., NSDI 2024).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from healing.control.balancer.response_time import latencies
from healing.control.balancer.values import Load

HOT_COUNT_MIN = 3
"""Of fewer backends none is "above most"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """Weight = success over latency, cut where it fails more or holds more calls than its peers."""

    error_penalty: float = 3.0
    """A failed call costs as much as this many that succeed."""

    hot_quantile: float = 0.84
    """Hot is more in flight than this share of the backends, and ..."""

    hot_ratio: float = 1.5
    """... more than the median times this."""

    hot_factor: float = 0.7
    """What is left of a hot backend's weight."""

    def wishes(self, loads: tuple[Load, ...]) -> Mapping[str, float]:
        """Return the goodput that a backend gives for a millisecond of waiting."""
        latency = latencies(loads)
        hot_from = self._hot_from(loads)
        return {
            load.address: load.capacity
            * self._goodness(load.error_ratio)
            / latency[load.address]
            * (self.hot_factor if load.in_flight / load.capacity > hot_from else 1.0)
            for load in loads
        }

    def _goodness(self, error_ratio: float) -> float:
        good = 1.0 - error_ratio
        return good / (good + self.error_penalty * error_ratio)

    def _hot_from(self, loads: tuple[Load, ...]) -> float:
        if len(loads) < HOT_COUNT_MIN:
            return float("inf")
        ranked = sorted(load.in_flight / load.capacity for load in loads)
        at_quantile = ranked[min(int(self.hot_quantile * len(ranked)), len(ranked) - 1) - 1]
        return max(at_quantile, ranked[len(ranked) // 2] * self.hot_ratio)
