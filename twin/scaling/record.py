"""What an engine writes down second by second, and what can be asked of it."""

from typing import Final

import numpy as np

from twin.scaling.workload import Floats

QUANTILE: Final = 0.99


class Record:
    """Per-second figures of one run; i is the second [i, i + 1) of a request's arrival."""

    def __init__(self, duration_s: int) -> None:
        self.arrived: Floats = np.zeros(duration_s)
        self.slow: Floats = np.zeros(duration_s)  # later than the SLO, or never
        self.refused: Floats = np.zeros(duration_s)
        self.sojourn_s: Floats = np.zeros(duration_s)  # of those served, summed
        self.wait_s: Floats = np.zeros(duration_s)  # of those served, summed
        self.busy_s: Floats = np.zeros(duration_s)  # worker seconds spent
        self.latency_s_p99: Floats = np.zeros(duration_s)

    def arrived_in(self, from_s: int, to_s: int) -> float:
        """Requests that arrived in [from_s, to_s)."""
        return float(self.arrived[max(from_s, 0) : max(to_s, 0)].sum())

    def busy_in(self, from_s: int, to_s: int) -> float:
        """Worker seconds spent in [from_s, to_s)."""
        return float(self.busy_s[max(from_s, 0) : max(to_s, 0)].sum())

    def latency_ms_p99(self, from_s: int, to_s: int) -> float:
        """The 99th percentile over the seconds, each weighed by its requests."""
        low, high = max(from_s, 0), max(to_s, 0)
        weights = self.arrived[low:high]
        total = weights.sum()
        if total == 0.0:
            return 0.0
        return 1000.0 * float((self.latency_s_p99[low:high] * weights).sum() / total)

    def sojourn_ms_mean(self, from_s: int, to_s: int) -> float:
        """Mean time that a served request of these seconds spent in the service."""
        low, high = max(from_s, 0), max(to_s, 0)
        served = self.arrived[low:high].sum() - self.refused[low:high].sum()
        return 1000.0 * float(self.sojourn_s[low:high].sum() / served) if served > 0 else 0.0
