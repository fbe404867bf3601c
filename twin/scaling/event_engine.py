"""The event engine for one service: each request is served by itself, first come, first served.

A request goes to the worker that is free first, which is M/G/c with one queue as long as the
workers stay the same (Lindley's recursion over c servers: Kiefer and Wolfowitz 1955, "On the theory
of queues with many servers"). What a pod was given it finishes: a new pod takes none of the waiting
requests of the old ones, and a pod that leaves drains. A request that would not begin within the
patience of its caller is given up at once and costs no work.
"""

import heapq

import numpy as np

from twin.scaling.pod_models import PodModel
from twin.scaling.record import Record
from twin.scaling.workload import Floats, Workload, arrivals

CHUNK_S = 3_600
GIVEN_UP = -1.0


class EventEngine:
    """Serves a workload second by second with as many pods as it is told."""

    def __init__(self, workload: Workload, model: PodModel, *, seed: int) -> None:
        self.record = Record(workload.duration_s)
        self._workload = workload
        self._model = model
        self._seed = seed
        self._now_s = 0
        self._pods = 0
        self._free_s: list[float] = []  # when each worker is free; a heap
        self._chunk_from_s = -CHUNK_S
        self._at_s: Floats = np.empty(0)
        self._work_s: Floats = np.empty(0)
        self._latency_s: Floats = np.empty(0)
        self._first: list[int] = []

    def advance(self, to_s: int, pods: int) -> None:
        """Serve all that arrives until `to_s` with so many ready pods."""
        self._set_pods(pods)
        while self._now_s < to_s:
            if self._now_s >= self._chunk_from_s + CHUNK_S:
                self._load(self._chunk_from_s + CHUNK_S)
            until_s = min(to_s, self._chunk_from_s + CHUNK_S)
            self._serve(until_s)
            self._now_s = until_s

    def latency_ms_p99(self, from_s: int, to_s: int) -> float:
        """The 99th percentile of what arrived in [from_s, to_s); given up counts as patience."""
        low, high = max(from_s, self._chunk_from_s), to_s
        if high <= low:
            return 0.0  # all of an earlier hour: its requests are no longer kept
        offset = self._chunk_from_s
        found = self._latency_s[self._first[low - offset] : self._first[high - offset]]
        if not len(found):
            return 0.0
        return 1000.0 * float(np.partition(found, rank := (len(found) * 99) // 100)[rank])

    def _load(self, from_s: int) -> None:
        to_s = min(from_s + CHUNK_S, self._workload.duration_s)
        self._chunk_from_s = from_s
        self._at_s, self._work_s = arrivals(
            self._workload, self._model, from_s=from_s, to_s=to_s, seed=self._seed
        )
        self._latency_s = np.zeros(len(self._at_s))
        counts = self._workload.counts[from_s:to_s]
        self._first = [0, *np.cumsum(counts).tolist()]

    def _set_pods(self, pods: int) -> None:
        workers = self._model.workers
        for _ in range((pods - self._pods) * workers):
            heapq.heappush(self._free_s, float(self._now_s))
        for _ in range((self._pods - pods) * workers):
            heapq.heappop(self._free_s)  # the one that is done first leaves
        self._pods = pods

    def _serve(self, until_s: int) -> None:
        offset = self._chunk_from_s
        low, high = self._first[self._now_s - offset], self._first[until_s - offset]
        if low == high:
            return
        at_s, work_s = self._at_s[low:high], self._work_s[low:high]
        begun = _begin(at_s.tolist(), work_s.tolist(), self._free_s, self._model.patience_s)
        self._write(np.array(begun), at_s, work_s, low, high)

    def _write(self, begin_s: Floats, at_s: Floats, work_s: Floats, low: int, high: int) -> None:
        """Write down what became of the requests that arrived in a few seconds."""
        record, model = self.record, self._model
        served = begin_s >= 0.0
        latency_s = np.where(served, begin_s + work_s - at_s, np.inf)
        self._latency_s[low:high] = np.minimum(latency_s, model.patience_s)
        second = at_s.astype(np.int64)
        base = int(second[0])
        second -= base
        length = int(second[-1]) + 1
        span = slice(base, base + length)
        record.arrived[span] += np.bincount(second, minlength=length)
        slow = latency_s > model.slo_ms / 1000.0
        record.slow[span] += np.bincount(second[slow], minlength=length)
        record.refused[span] += np.bincount(second[~served], minlength=length)
        record.sojourn_s[span] += np.bincount(
            second[served], weights=latency_s[served], minlength=length
        )
        record.wait_s[span] += np.bincount(
            second[served], weights=(begin_s - at_s)[served], minlength=length
        )
        self._spend(begin_s[served], work_s[served])

    def _spend(self, begin_s: Floats, work_s: Floats) -> None:
        """Add the work to the seconds in which it is done."""
        if not len(begin_s):
            return
        end_s = begin_s + work_s
        first = int(begin_s.min())
        length = int(end_s.max()) - first + 2
        # worked until T = sum over begun of (T - begin) - sum over ended of (T - end)
        begun = _until(begin_s - first, length)
        ended = _until(end_s - first, length)
        spent = np.diff(begun - ended, prepend=0.0)
        room = self.record.busy_s[first : first + length]
        room += spent[: len(room)]


def _begin(
    at_s: list[float], work_s: list[float], free_s: list[float], patience_s: float
) -> list[float]:
    """Return when each request begins, or `GIVEN_UP`; the heap of workers moves on."""
    if not free_s:
        return [GIVEN_UP] * len(at_s)
    begun: list[float] = []
    add, replace = begun.append, heapq.heapreplace
    for at, work in zip(at_s, work_s, strict=True):
        begin = free_s[0]
        if begin <= at:
            begin = at
        elif begin - at > patience_s:
            add(GIVEN_UP)
            continue
        replace(free_s, begin + work)
        add(begin)
    return begun


def _until(times_s: Floats, length: int) -> Floats:
    """Return, at the end of each second, the time passed since all `times_s` before it, summed."""
    second = times_s.astype(np.int64)
    count = np.cumsum(np.bincount(second, minlength=length)[:length])
    total = np.cumsum(np.bincount(second, weights=times_s, minlength=length)[:length])
    return count * (np.arange(length) + 1.0) - total
