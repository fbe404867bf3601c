"""The fluid engine: the mean number in the system, second by second, in place of each request.

Pointwise stationary fluid flow approximation (Wang, Tipper, Banerjee 1996, INFOCOM):
dL/dt = arrivals - c mu rho(L), where rho(L) is the utilisation at which M/M/c holds L requests in
the mean. One implicit Euler step a second, solved by a table per number of workers. From the
utilisation follow the waits as in M/M/c, and above it a queue that is as long as it is.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from knowledge.erlang import erlang_c, tail_beyond
from twin.scaling.pod_models import PodModel
from twin.scaling.record import Record
from twin.scaling.workload import Workload

SMOOTHING_S: Final = 5
"""Arrivals of a second are taken at the mean rate of this many: their chance is in the formulas."""
_GRID: Final = tuple(1.0 - 0.985**step for step in range(460))
"""Utilisations of the tables: dense where the queue grows; the last one is 0.999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """For c workers, by utilisation: the Euler step's right side, share late, wait, p99."""

    key: list[float]
    late: list[float]
    wait_s: list[float]
    p99_s: list[float]


class FluidEngine:
    """Serves a workload second by second, by formula."""

    def __init__(self, workload: Workload, model: PodModel) -> None:
        self.record = Record(workload.duration_s)
        self._model = model
        self._service_s = model.service_ms_mean / 1000.0
        self._limit = model.slo_ms / model.service_ms_mean
        counts = workload.counts.astype(np.float64)
        self._rate = _smoothed(counts).tolist()
        self.record.arrived[:] = counts
        self._late = 0.0
        self._number = 0.0
        self._now_s = 0
        self._tables: dict[int, _Table] = {}

    def advance(self, to_s: int, pods: int) -> None:
        """Serve until `to_s` with so many ready pods."""
        workers = pods * self._model.workers
        if not workers:
            self._refuse(to_s)
            return
        table = self._tables.get(workers)
        if table is None:
            table = self._tables[workers] = self._table(workers)
        rate, record, service_s = self._rate, self.record, self._service_s
        capacity = workers / service_s
        number_max = workers + self._model.patience_s * capacity
        top = table.key[-1]
        for second in range(self._now_s, to_s):
            key = self._number + rate[second]
            lost = 0.0
            if key >= top:
                number = key - capacity
                if number > number_max:
                    lost, number = number - number_max, number_max
                self._queued(second, number, workers, lost)
            else:
                at = bisect_right(table.key, key) - 1
                low = table.key[at]
                part = (key - low) / (table.key[at + 1] - low)
                wait_s = table.wait_s[at] + part * (table.wait_s[at + 1] - table.wait_s[at])
                number = key - capacity * (_GRID[at] + part * (_GRID[at + 1] - _GRID[at]))
                late = table.late[at] + part * (table.late[at + 1] - table.late[at])
                arrived = record.arrived[second]
                record.slow[second] = late * arrived
                record.wait_s[second] = wait_s * arrived
                record.sojourn_s[second] = (wait_s + service_s) * arrived
                record.latency_s_p99[second] = table.p99_s[at]
                record.busy_s[second] = (key - number) * service_s
            self._number = number
        self._now_s = to_s

    def latency_ms_p99(self, from_s: int, to_s: int) -> float:
        """The 99th percentile of what arrived in [from_s, to_s)."""
        return self.record.latency_ms_p99(from_s, to_s)

    def _queued(self, second: int, number: float, workers: int, lost: float) -> None:
        """A second in which more comes than can be served: the wait is what is before one."""
        record, service_s = self.record, self._service_s
        wait_s = max(number - workers, 0.0) / workers * service_s
        arrived = record.arrived[second]
        refused = min(lost, arrived)
        left_s = self._model.slo_ms / 1000.0 - wait_s
        late = 1.0 if left_s <= 0.0 else math.exp(-left_s / service_s)
        record.refused[second] = refused
        record.slow[second] = refused + late * (arrived - refused)
        record.wait_s[second] = wait_s * (arrived - refused)
        record.sojourn_s[second] = (wait_s + service_s) * (arrived - refused)
        record.latency_s_p99[second] = wait_s + 4.6 * service_s
        record.busy_s[second] = workers

    def _refuse(self, to_s: int) -> None:
        span = slice(self._now_s, to_s)
        self.record.slow[span] = self.record.refused[span] = self.record.arrived[span]
        self._number, self._now_s = 0.0, to_s

    def _table(self, workers: int) -> _Table:
        capacity = workers / self._service_s
        key, late, wait_s, p99_s = [], [], [], []
        for used in _GRID:
            load = used * workers
            waiting, slack = erlang_c(workers, load), workers - load
            number = load + waiting * load / slack
            key.append(number + capacity * used)
            late.append(tail_beyond(waiting, slack, self._limit))
            wait_s.append(waiting / slack * self._service_s)
            p99_s.append(self._service_s * _quantile(waiting, slack))
        return _Table(key=key, late=late, wait_s=wait_s, p99_s=p99_s)


def _quantile(waiting: float, slack: float) -> float:
    """The 99th percentile of wait and service, in service times."""
    low, high = 0.0, 1.0
    while tail_beyond(waiting, slack, high) > 0.01:  # noqa: PLR2004 - the percentile
        high *= 2.0
    for _ in range(20):
        middle = (low + high) / 2.0
        low, high = (
            (middle, high) if tail_beyond(waiting, slack, middle) > 0.01 else (low, middle)  # noqa: PLR2004
        )
    return high


def _smoothed(counts: "np.typing.NDArray[np.float64]") -> "np.typing.NDArray[np.float64]":
    kernel = np.ones(SMOOTHING_S) / SMOOTHING_S
    padded = np.pad(counts, (SMOOTHING_S // 2, SMOOTHING_S - 1 - SMOOTHING_S // 2), mode="edge")
    return np.convolve(padded, kernel, mode="valid")
