"""The fluid engine: the work before the workers, second by second, in place of each request.

How far the workers are booked ahead (the wait of the next arrival) is a level that arriving work
raises and time lowers: the workload of many servers in its diffusion limit (Halfin and Whitt 1981,
"Heavy-traffic limits for queues with many exponential servers", Operations Research 29:3). One step
a second, drawn and not averaged: whether a second breaks a promise is chance, which a mean hides.
Between two levels the lowest point of a Brownian bridge is drawn too (Asmussen, Glynn, Pitman 1995,
"Discretization error in simulation of one-dimensional reflecting Brownian motion", Annals of
Applied Probability 5:4), so that reflection in steps of a second is exact.

Two figures are those of M/M/c and not of the limit: the variance, so that who waits waits as long
in the mean, and the depth of the floor below zero, so that as many wait as Erlang's formula says.
As in the event engine workers keep what they were given: new ones begin empty beside old ones that
are booked ahead, and work goes to where the level is lowest.
"""

import math
from typing import Final

import numpy as np

from knowledge.erlang import erlang_c
from twin.scaling.pod_models import PodModel
from twin.scaling.record import Record
from twin.scaling.workload import Floats, Workload

SMOOTHING_S: Final = 5
"""The floor goes by the rate of this many seconds; what is left of the counts is chance."""
CHUNK_S: Final = 3_600
_GRID: Final = 200
"""Floors are tabled by utilisation, in steps of half a per cent."""
_FEW: Final = 0.5
"""A count of fewer in the mean is drawn as none or one, else as the nearest to a normal one."""
_EXPONENT_MAX: Final = 600.0
"""Of exp(wait / service), far below where a float overflows."""
Chance = tuple[float, float, float, float, float]
"""Of a second: three standard normal values, the logarithm of a uniform one, a uniform one."""


class FluidEngine:
    """Serves a workload second by second."""

    def __init__(self, workload: Workload, model: PodModel, *, seed: int = 1) -> None:
        self.record = Record(workload.duration_s)
        self._model = model
        self._service_s = model.service_ms_mean / 1000.0
        self._slo_s = model.slo_ms / 1000.0
        counts = workload.counts.astype(np.float64)
        self.record.arrived[:] = counts
        self._counts: list[float] = counts.tolist()
        factors = workload.work_factors
        service_s = np.full(len(counts), self._service_s) * (1.0 if factors is None else factors)
        self._services: list[float] = service_s.tolist()
        self._loads: list[float] = _smoothed(counts * service_s).tolist()
        self._tail: Floats = np.zeros(workload.duration_s)  # sum of exp(wait / service) of arrivals
        exponent = min(model.patience_s / self._service_s, _EXPONENT_MAX)
        self._given_up = math.exp(exponent)  # as if it had waited as long as callers do
        self._rng = np.random.default_rng(seed)
        self._chance: list[Chance] = []
        self._now_s = 0
        self._workers = 0  # that are free first
        self._level_s = 0.0  # their level
        self._above: list[tuple[float, int]] = []  # level_s and workers of the others, ascending
        self._floors: dict[int, list[float]] = {}

    def advance(self, to_s: int, pods: int) -> None:
        """Serve until `to_s` with so many ready pods."""
        self._set_workers(pods * self._model.workers)
        while self._now_s < to_s:
            if self._now_s % CHUNK_S == 0:
                self._draw()
            until_s = min(to_s, self._now_s - self._now_s % CHUNK_S + CHUNK_S)
            if self._workers:
                self._serve(until_s)
            else:
                span = slice(self._now_s, until_s)
                self.record.slow[span] = self.record.refused[span] = self.record.arrived[span]
                self._tail[span] = self.record.arrived[span] * self._given_up
            self._now_s = until_s

    def latency_ms_p99(self, from_s: int, to_s: int) -> float:
        """The 99th percentile of what arrived in [from_s, to_s), as a sample that size has it."""
        span = slice(max(from_s, 0), max(to_s, 0))
        arrived, tail = self.record.arrived[span], self._tail[span]
        count = float(np.add.reduce(arrived))
        if not count:
            return 0.0
        mean = float(np.add.reduce(tail)) / count
        service_s = self._services[max(to_s, 1) - 1]  # of the last second, where it changes
        found_s = service_s * math.log(100.0 * mean)
        if (tail > 100.0 * mean * arrived).any():
            found_s = _quantile_s(arrived, tail, service_s, found_s)
        chance = service_s * math.sqrt(99.0 / count) * self._rng.standard_normal()
        return 1000.0 * min(max(found_s + chance, 0.0), self._model.patience_s)

    def _draw(self) -> None:
        """The chances of the next hour."""
        normal = self._rng.standard_normal((3, CHUNK_S)).tolist()
        uniform = self._rng.random((2, CHUNK_S))
        logs = np.log(1.0 - uniform[0]).tolist()
        self._chance = list(zip(*normal, logs, uniform[1].tolist(), strict=True))

    def _set_workers(self, workers: int) -> None:
        more = workers - self._workers - sum(count for _, count in self._above)
        if more > 0 and self._workers and self._level_s > self._service_s:
            self._above.insert(0, (self._level_s, self._workers))
            self._level_s, self._workers = 0.0, more
        elif more > 0:
            self._level_s *= self._workers / (self._workers + more)
            self._workers += more
        while more < 0:
            gone = min(-more, self._workers)
            self._workers -= gone
            more += gone
            if not self._workers and self._above:
                self._level_s, self._workers = self._above.pop(0)

    def _serve(self, until_s: int) -> None:
        record, span = self.record, slice(self._now_s, until_s)
        rows = [self._second(second) for second in range(self._now_s, until_s)]
        (
            record.slow[span],
            record.refused[span],
            record.wait_s[span],
            record.sojourn_s[span],
            record.busy_s[span],
            self._tail[span],
        ) = zip(*rows, strict=True)

    def _second(self, second: int) -> tuple[float, float, float, float, float, float]:
        """Serve one second; return its row of the record, in the order of `_serve`."""
        service_s, workers, before_s = self._services[second], self._workers, self._level_s
        count, used = self._counts[second], self._loads[second] / workers
        chance = self._chance[second % CHUNK_S]
        floor_s = self._floors_for(workers)[min(int(used * _GRID), _GRID - 1)]
        middle_s, end_s, idle_s, excess_s = _move(
            before_s, count, used, service_s / workers, floor_s, chance
        )
        busy = min(max(1.0 - idle_s - excess_s, 0.0), 1.0) * workers
        if self._above:
            busy += sum(number for _, number in self._above)
            end_s, workers = self._risen(end_s, workers)
            middle_s = min(middle_s, 0.5 * (before_s + end_s))
        refused, patience_s = 0.0, self._model.patience_s
        if end_s > patience_s:
            refused = min(count, (end_s - patience_s) * workers / service_s)
            end_s, middle_s = patience_s, min(middle_s, patience_s)
        self._level_s, self._workers = end_s, workers
        served = count - refused
        wait_s, tail, late = self._waits(service_s, before_s, middle_s, end_s)
        slow = min(refused + _drawn(late * served, chance), count)
        sojourn_s = served * (wait_s + service_s) + math.sqrt(count) * service_s * chance[0]
        return slow, refused, served * wait_s, sojourn_s, busy, count * tail

    def _waits(
        self, service_s: float, before_s: float, middle_s: float, end_s: float
    ) -> tuple[float, float, float]:
        """Means over a second: the wait, exp(wait / service), and the share later than the SLO."""
        late_ratio = math.exp(-self._slo_s / service_s)  # of those who do not wait
        wait_s, tail, late = 0.0, 0.0, 0.0
        for part, level_s in ((0.25, before_s), (0.5, middle_s), (0.25, end_s)):
            if level_s <= 0.0:
                tail += part
                late += part * late_ratio
            else:
                weight = math.exp(min(level_s / service_s, _EXPONENT_MAX))
                wait_s += part * level_s
                tail += part * weight
                late += part * min(weight * late_ratio, 1.0)
        return wait_s, tail, late

    def _risen(self, level_s: float, workers: int) -> tuple[float, int]:
        """A second later for the others; those that the lowest level has reached join it."""
        above = [(level - 1.0, number) for level, number in self._above]
        while above and above[0][0] <= level_s:
            level, number = above.pop(0)
            level_s = (level_s * workers + level * number) / (workers + number)
            workers += number
        self._above = above
        return level_s, workers

    def _floors_for(self, workers: int) -> list[float]:
        """By utilisation: the (negative) level above which Erlang's share of arrivals waits."""
        found = self._floors.get(workers)
        if found is None:
            loads = [(step + 0.5) / _GRID * workers for step in range(_GRID)]
            found = [
                self._service_s * math.log(erlang_c(workers, load)) / (workers - load)
                for load in loads
            ]
            self._floors[workers] = found
        return found


def _move(
    level_s: float, count: float, used: float, share_s: float, floor_s: float, chance: Chance
) -> tuple[float, float, float, float]:
    """Move a level through a second in which `count` arrive.

    `used`: the utilisation; `share_s`: by what one mean request raises the level. Returns the level
    in the middle and at the end, the time idle, and the chance that is no chance of the work.
    """
    first, middle, _, log, _ = chance
    rise_s = count * share_s - 1.0
    deviation_s = math.sqrt((1.0 + abs(1.0 - used)) * share_s)
    end_s = level_s + rise_s + first * deviation_s
    gap_s, local = end_s - level_s, 2.0 * max(used, 1.0) * share_s
    lowest_s = 0.5 * (level_s + end_s - math.sqrt(gap_s * gap_s - 2.0 * local * log))
    excess_s = first * (deviation_s - math.sqrt(count) * share_s)
    if lowest_s >= floor_s:
        middle_s = 0.5 * (level_s + end_s + middle * math.sqrt(local))
        return max(middle_s, lowest_s), end_s, 0.0, excess_s
    idle_s = floor_s - lowest_s
    end_s += idle_s
    return (level_s if middle < 0.0 else end_s), end_s, idle_s, excess_s


def _drawn(mean: float, chance: Chance) -> float:
    """Draw a count with this mean."""
    if mean < _FEW:
        return 1.0 if chance[4] < mean else 0.0
    return max(round(mean + math.sqrt(mean) * chance[2]), 0.0)


def _quantile_s(arrived: Floats, tail: Floats, service_s: float, most_s: float) -> float:
    """Where 1 % takes longer: who waits for longer than that counts once, and not more."""
    low_s, high_s, limit = 0.0, most_s, 0.01 * float(arrived.sum())
    for _ in range(12):
        middle_s = (low_s + high_s) / 2.0
        beyond = math.exp(-min(middle_s / service_s, _EXPONENT_MAX))
        late = np.minimum(arrived, tail * beyond).sum()
        low_s, high_s = (middle_s, high_s) if late > limit else (low_s, middle_s)
    return high_s


def _smoothed(counts: Floats) -> Floats:
    kernel = np.ones(SMOOTHING_S) / SMOOTHING_S
    padded = np.pad(counts, (SMOOTHING_S // 2, SMOOTHING_S - 1 - SMOOTHING_S // 2), mode="edge")
    smoothed: Floats = np.convolve(padded, kernel, mode="valid")
    return smoothed
