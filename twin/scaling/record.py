"""What an engine writes down second by second, and what can be asked of it."""

import numpy as np

from twin.scaling.workload import Floats


class Record:
    """Per-second figures of one run; i is the second [i, i + 1) of a request's arrival."""

    def __init__(self, duration_s: int) -> None:
        self.arrived: Floats = np.zeros(duration_s)
        self.slow: Floats = np.zeros(duration_s)  # later than the SLO, or never
        self.refused: Floats = np.zeros(duration_s)
        self.sojourn_s: Floats = np.zeros(duration_s)  # of those served, summed
        self.wait_s: Floats = np.zeros(duration_s)  # of those served, summed
        self.busy_s: Floats = np.zeros(duration_s)  # worker seconds spent

    def arrived_in(self, from_s: int, to_s: int) -> float:
        """Requests that arrived in [from_s, to_s)."""
        return _sum(self.arrived, from_s, to_s)

    def busy_in(self, from_s: int, to_s: int) -> float:
        """Worker seconds spent in [from_s, to_s)."""
        return _sum(self.busy_s, from_s, to_s)

    def sojourn_ms_mean(self, from_s: int, to_s: int) -> float:
        """Mean time that a served request of these seconds spent in the service."""
        served = _sum(self.arrived, from_s, to_s) - _sum(self.refused, from_s, to_s)
        return 1000.0 * _sum(self.sojourn_s, from_s, to_s) / served if served > 0 else 0.0


def _sum(values: Floats, from_s: int, to_s: int) -> float:
    return float(np.add.reduce(values[max(from_s, 0) : max(to_s, 0)]))
