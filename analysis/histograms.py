"""Histograms as counts: what one adds to another, and between which values a quantile lies.

A bucket tells how many values lie in it and not where. So a quantile is an interval: it is not
below that of the buckets' lower ends and not above that of their upper ends. That holds for
any mixture of bounds and scales, and is all that histograms allow to be said: the bucket for
explicit ones, base^i to base^(i+1) for exponential ones.
Source: OpenTelemetry, metrics/data-model.md, "Histogram" and "ExponentialHistogram".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shape = tuple[float, ...] | int
"""Bounds of an explicit histogram, or the scale of an exponential one: what adds up bucket by
bucket."""
_DIGITS: Final = 6
"""Of milliseconds: bounds are whole nanoseconds, whatever unit they were told in."""
DURATION_MAX: Final = 1e12
"""Nothing took longer, in whatever unit of time; so all that is computed stays finite."""
_EXPONENT_MAX: Final = 40.0
"""So do powers of two: these are one thousandth of a nanosecond, and DURATION_MAX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many durations lie in which bucket, in units of `unit_ms` milliseconds.

    `counts`: by the bucket's index, from 0 for explicit bounds, for exponential ones that of the
    data model; those that are left out are empty. `sum` and `largest` are None where they were not
    told; `largest` may be of a longer time than the counts.
    """

    shape: Shape
    unit_ms: float
    counts: Mapping[int, int]
    zero_count: int = 0
    sum: float | None = None
    largest: float | None = None

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts.values()) + self.zero_count

    def since(self, before: Self) -> Self | None:
        """Return what was counted after `before`; None: this one does not go on from it."""
        if self.unit_ms != before.unit_ms:
            return None
        earlier = before.at(self.shape)
        if earlier is None or not earlier.keys() <= self.counts.keys():
            return None
        added = {place: count - earlier.get(place, 0) for place, count in self.counts.items()}
        zeros = self.zero_count - before.zero_count
        if zeros < 0 or any(count < 0 for count in added.values()):
            return None
        is_told = self.sum is not None and before.sum is not None
        return replace(
            self,
            counts={place: count for place, count in added.items() if count},
            zero_count=zeros,
            sum=(self.sum or 0.0) - (before.sum or 0.0) if is_told else None,
        )

    def is_reset_after(self, before: Self) -> bool:
        """Whether counting surely began anew after `before`: only a count that fell proves it.

        Other bounds or another unit do not: then the counts of both say nothing of each other.
        """
        if self.count < before.count:
            return True
        is_alike = self.unit_ms == before.unit_ms and before.at(self.shape) is not None
        return is_alike and self.since(before) is None

    def at(self, shape: Shape) -> Mapping[int, int] | None:
        """Return the counts in the buckets of another shape; None: they do not say that.

        Only a coarser scale takes in whole buckets: 2^n of a finer one each.
        """
        if self.shape == shape:
            return self.counts
        if isinstance(self.shape, tuple) or isinstance(shape, tuple) or shape > self.shape:
            return None
        counts: dict[int, int] = {}
        for place, count in self.counts.items():
            coarse = place >> (self.shape - shape)
            counts[coarse] = counts.get(coarse, 0) + count
        return counts

    def buckets_ms(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return lower ends, upper ends and counts of the buckets that are not empty."""
        places = np.array(list(self.counts), np.int64)
        low, high = self._ends(places)
        if self.zero_count:
            # whatever counts as zero is smaller than all that does not
            low = np.append(low, 0.0)
            high = np.append(high, low[:-1].min(initial=inf) if len(high) else 0.0)
        if self.largest is not None and isfinite(self.largest):
            high = np.maximum(low, np.minimum(high, self.largest))
        counts = [*self.counts.values(), *([self.zero_count] if self.zero_count else [])]
        low, high = low * self.unit_ms, high * self.unit_ms
        if isinstance(self.shape, tuple):
            low, high = np.round(low, _DIGITS), np.round(high, _DIGITS)
        return low, high, np.array(counts, np.int64)

    def _ends(self, places: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Both ends of buckets; no duration is below zero."""
        if isinstance(self.shape, tuple):
            bounds = np.array(self.shape, np.float64).clip(0, DURATION_MAX)
            edges = np.array([0.0, *bounds, inf])
            return edges[places], edges[places + 1]
        width = 2.0**-self.shape
        exponents: Floats = places.astype(np.float64) * width
        return _powers(exponents), _powers(exponents + width)


def _powers(exponents: Floats) -> Floats:
    powers: Floats = np.exp2(exponents.clip(-_EXPONENT_MAX, _EXPONENT_MAX))
    return powers


def added_up(histograms: Iterable[Histogram]) -> list[Histogram]:
    """Return the same values in as few histograms as there are shapes and units of them."""
    groups: dict[tuple[Shape, float], list[Histogram]] = {}
    for one in histograms:
        groups.setdefault((one.shape, one.unit_ms), []).append(one)
    return [_sum_of(group) for group in groups.values()]


def _sum_of(group: list[Histogram]) -> Histogram:
    counts: dict[int, int] = {}
    for one in group:
        for place, count in one.counts.items():
            counts[place] = counts.get(place, 0) + count
    sums = [one.sum for one in group if one.sum is not None]
    largest = [one.largest for one in group if one.largest is not None]
    return replace(
        group[0],
        counts=counts,
        zero_count=sum(one.zero_count for one in group),
        sum=sum(sums) if len(sums) == len(group) else None,
        largest=max(largest) if len(largest) == len(group) else None,
    )


def quantile_ms(histograms: Iterable[Histogram], wanted: float) -> tuple[float, float] | None:
    """Return between which durations a quantile in [0, 1] of all values lies; None: no values.

    The value of the nearest rank, as for spans; the upper end is infinite where that value lies
    above the last bound and no largest value was told.
    """
    parts = [histogram.buckets_ms() for histogram in histograms]
    if not any(len(counts) for _, _, counts in parts):
        return None
    counts = np.concatenate([part[2] for part in parts])
    rank = int((int(counts.sum()) - 1) * wanted + 0.5)
    low, high = (np.concatenate([part[end] for part in parts]) for end in (0, 1))
    return _at_rank(low, counts, rank), _at_rank(high, counts, rank)


def _at_rank(ends: Floats, counts: NDArray[np.int64], rank: int) -> float:
    order = np.argsort(ends, kind="stable")
    place = int(np.searchsorted(np.cumsum(counts[order]), rank, side="right"))
    return float(ends[order[place]])
