"""MemoryLeak: the floor of a pod's memory rises, surely, steadily, and not because of its load.

A pod's memory is remembered as the lowest reading of each five minutes, so that a sawtooth of
garbage collection leaves its floor. On twelve of them (an hour) a leak shows when all of this holds
of the level that was not gone below again since (the running minimum from the end):

- it rises beyond chance: Mann-Kendall (Mann, Econometrica 13, 1945; Kendall, 1975);
- the lower end of the slope's interval is above a limit: Theil-Sen (Sen, JASA 63, 1968);
- what more requests explain is taken off first: at most half of a working set is per request, the
  rest are code, pools and caches;
- it goes on: a start-up that levels off, or one step of a cache, is no ramp;
- it is higher than where it once came down from: what was given back before is no leak.

The first ten minutes of a pod are start-up and do not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.settings import AnalysisSettings
from knowledge.identity import ServiceKey

BLOCK_S: Final = 300.0
BLOCKS: Final = 12
"""An hour: half of it holds too few floors for a trend to be sure."""
STARTUP_S: Final = 600.0
Z_MIN: Final = 3.0
"""One in 740 by chance for independent floors; what depends on each other is caught by the rest."""
Z_INTERVAL: Final = 1.96
HISTORY_BLOCKS: Final = 48
"""Four hours: enough to see how memory follows load, before the hour that is judged."""
LOAD_SHARE_MAX: Final = 0.5
LAG: Final = 3
RIDGE: Final = 0.01
"""Load that moved by less than a tenth in all says nothing about how memory follows it."""
LAST_SHARE_MIN: Final = 0.5
"""The last third rises at least half as fast as the whole."""
STEP_SHARE_MAX: Final = 0.5
"""No single step makes more than half of the rise."""
RESTART_RATIO: Final = 0.6
"""Below this share of its floor a process has started anew: no collection frees so much."""
RECLAIMED_RATIO: Final = 0.9
PODS_MAX: Final = 50_000
"""Pods that are remembered, a few hundred bytes each; the ones heard of last."""
GONE_S: Final = 1800.0

PodKey = tuple[str, str, str]
"""namespace, service, pod"""
_PAIRS: Final = np.array(list(combinations(range(BLOCKS), 2)))
_VARIANCE: Final = BLOCKS * (BLOCKS - 1) * (2 * BLOCKS + 5) / 18
_PER_H: Final = 3600.0 / BLOCK_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Memory of a pod at a time: as bytes or as a share of its limit, one of them all its life."""

    time_unix_ns: int
    level: float
    limit_ratio: float | None
    load_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """The floors of a pod's memory. `open_*`: of the five minutes that are not over yet.

    `reclaimed`: the highest floor that it ever came down from.
    """

    born_unix_ns: int
    block: int
    open_level: float
    open_load: float
    open_count: int
    limit_ratio: float | None
    levels: tuple[float, ...] = ()
    loads: tuple[float, ...] = ()
    reclaimed: float = 0.0
    read_unix_ns: int = 0

    def after(self, reading: Reading) -> "Floors":
        """Return the floors after one more reading; an old one changes nothing."""
        if reading.time_unix_ns <= self.read_unix_ns:
            return self
        if self.levels and reading.level < RESTART_RATIO * min(self.levels[-3:]):
            return begin(reading)
        block = _block(reading.time_unix_ns, self.born_unix_ns)
        if block == self.block:
            return replace(
                self,
                open_level=min(self.open_level, reading.level),
                open_load=self.open_load + reading.load_per_s,
                open_count=self.open_count + 1,
                limit_ratio=reading.limit_ratio,
                read_unix_ns=reading.time_unix_ns,
            )
        levels, loads = self.levels, self.loads
        is_starting = self.block * BLOCK_S < STARTUP_S
        if block > self.block + 2:  # a hole: what was before does not join what comes after
            levels, loads = (), ()
        elif not is_starting:
            levels = (*levels, self.open_level)[-HISTORY_BLOCKS:]
            loads = (*loads, self.open_load / self.open_count)[-HISTORY_BLOCKS:]
        peak = max(levels[:-1], default=0.0)
        came_down = bool(levels) and levels[-1] < RECLAIMED_RATIO * peak
        return Floors(
            born_unix_ns=self.born_unix_ns,
            block=block,
            open_level=reading.level,
            open_load=reading.load_per_s,
            open_count=1,
            limit_ratio=reading.limit_ratio,
            levels=levels,
            loads=loads,
            reclaimed=max(self.reclaimed, peak) if came_down else self.reclaimed,
            read_unix_ns=reading.time_unix_ns,
        )


def begin(reading: Reading, *, born_unix_ns: int | None = None) -> Floors:
    """Return what is known of a pod by its first reading."""
    born = reading.time_unix_ns if born_unix_ns is None else born_unix_ns
    return Floors(
        born_unix_ns=born,
        block=_block(reading.time_unix_ns, born),
        open_level=reading.level,
        open_load=reading.load_per_s,
        open_count=1,
        limit_ratio=reading.limit_ratio,
        read_unix_ns=reading.time_unix_ns,
    )


def _block(time_unix_ns: int, born_unix_ns: int) -> int:
    return int((time_unix_ns - born_unix_ns) // (BLOCK_S * 1e9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """How a pod's floor rises: shares of its level an hour, and seconds until its limit."""

    growth_per_h: float
    growth_per_h_low: float
    is_leak: bool
    limit_in_s: float | None


def ramps(pods: Mapping[PodKey, Floors], settings: AnalysisSettings) -> dict[PodKey, Ramp]:
    """Return the ramp of each pod of which an hour is known."""
    known = [(pod, floors) for pod, floors in pods.items() if len(floors.levels) >= BLOCKS]
    if not known:
        return {}
    levels = _rows([floors.levels for _, floors in known])
    loads = _rows([floors.loads for _, floors in known])
    reclaimed = np.array([floors.reclaimed for _, floors in known])
    growth, low, is_leak = judged(
        levels, loads, reclaimed, growth_per_h_min=settings.leak_per_h_min
    )
    result = {}
    for index, (pod, floors) in enumerate(known):
        speed = float(growth[index])
        limit_in_s = None
        if floors.limit_ratio is not None and speed > 0:
            left = max(0.0, 1.0 / max(floors.limit_ratio, 1e-9) - 1.0)
            limit_in_s = left / speed * 3600.0
        result[pod] = Ramp(
            growth_per_h=speed,
            growth_per_h_low=float(low[index]),
            is_leak=bool(is_leak[index]),
            limit_in_s=limit_in_s,
        )
    return result


def pooled(pods: Sequence[Floors]) -> Floors:
    """Return the floors of a service: the mean of its pods', each in shares of its own level.

    What is each pod's own chance (collections, caches, noise) goes down with their number; what the
    code does that all of them run stays. Blocks are put together from the last on.
    """
    length = min(len(floors.levels) for floors in pods)
    scales = [max(float(np.median(floors.levels[-BLOCKS:])), 1e-12) for floors in pods]
    levels = [np.array(f.levels[-length:]) / scale for f, scale in zip(pods, scales, strict=True)]
    loads = [np.array(floors.loads[-length:]) for floors in pods]
    reclaimed = [floors.reclaimed / scale for floors, scale in zip(pods, scales, strict=True)]
    limits = [floors.limit_ratio for floors in pods if floors.limit_ratio is not None]
    return replace(
        pods[0],
        levels=tuple(np.mean(levels, axis=0).tolist()),
        loads=tuple(np.mean(loads, axis=0).tolist()),
        reclaimed=float(np.mean(reclaimed)),
        limit_ratio=max(limits, default=None),
    )


def _rows(series: list[tuple[float, ...]]) -> NDArray[np.float64]:
    """One row a pod, the newest block last; NaN before the first."""
    length = max(len(values) for values in series)
    return np.array([(np.nan,) * (length - len(values)) + values for values in series])


def judged(
    levels: NDArray[np.float64],
    loads: NDArray[np.float64],
    reclaimed: NDArray[np.float64],
    *,
    growth_per_h_min: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Judge many pods at once, one a row: (growth, its lower end, whether it is a leak).

    `levels`, `loads`: of the last blocks, the oldest first, an hour at least; NaN: not known yet.
    """
    scale = np.maximum(np.median(levels[:, -BLOCKS:], axis=1), 1e-12)[:, None]
    load_scale = np.maximum(np.median(loads[:, -BLOCKS:], axis=1), 1e-12)[:, None]
    floor = _unloaded(levels / scale, loads / load_scale - 1.0)
    slopes = np.sort(_slopes(floor), axis=1) * _PER_H
    count = slopes.shape[1]
    growth = np.median(slopes, axis=1)
    margin = Z_INTERVAL * sqrt(_VARIANCE)
    low = slopes[:, max(0, int((count - margin) / 2))]
    signs = np.sign(slopes).sum(axis=1)
    z = (signs - np.sign(signs)) / sqrt(_VARIANCE)
    steps = np.diff(floor, axis=1)
    rise = floor[:, -1] - floor[:, 0]
    last = floor[:, -1] - floor[:, -1 - BLOCKS // 3]
    share = (BLOCKS // 3) / (BLOCKS - 1)
    is_leak = (
        (z >= Z_MIN)
        & (low >= growth_per_h_min)
        & (last >= LAST_SHARE_MIN * share * rise)
        & (steps.max(axis=1) <= STEP_SHARE_MAX * rise)
        & (levels[:, -1] > reclaimed)
    )
    return growth, low, is_leak


def _unloaded(levels: NDArray[np.float64], loads: NDArray[np.float64]) -> NDArray[np.float64]:
    """The floors of the last hour without what load explains.

    How memory follows load is read from changes over a quarter of an hour, in all that is known of
    the pod, beside a steady growth: least squares with an intercept.
    """
    moved = levels[:, LAG:] - levels[:, :-LAG]
    driven = loads[:, LAG:] - loads[:, :-LAG]
    is_known = np.isfinite(moved) & np.isfinite(driven)
    count = np.maximum(is_known.sum(axis=1), 3)[:, None]
    moved, driven = np.where(is_known, moved, 0.0), np.where(is_known, driven, 0.0)
    moved = np.where(is_known, moved - moved.sum(axis=1)[:, None] / count, 0.0)
    driven = np.where(is_known, driven - driven.sum(axis=1)[:, None] / count, 0.0)
    power = (driven**2).sum(axis=1)
    share = (driven * moved).sum(axis=1) / (power + RIDGE)
    share = np.clip(share, 0.0, LOAD_SHARE_MAX)[:, None]
    return _floor(levels[:, -BLOCKS:] - share * loads[:, -BLOCKS:])


def _floor(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The level that was not gone below again."""
    return np.minimum.accumulate(levels[:, ::-1], axis=1)[:, ::-1]


def _slopes(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slopes of all pairs of blocks of each row, per block."""
    first, second = _PAIRS[:, 0], _PAIRS[:, 1]
    slopes: NDArray[np.float64] = (rows[:, second] - rows[:, first]) / (second - first)
    return slopes


def service_of(pod: PodKey) -> ServiceKey:
    """Return the service that a pod belongs to."""
    return ServiceKey(namespace=pod[0], name=pod[1])
