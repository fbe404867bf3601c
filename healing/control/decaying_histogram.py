"""A histogram of use that forgets: what percentiles of CPU and memory are read from.

Buckets grow by 5 %, and a sample's weight doubles with each half-life that it is newer by, so older
ones count less without being touched. Source: kubernetes/autoscaler, vertical-pod-autoscaler,
pkg/recommender/util (histogram.go, decaying_histogram.go, histogram_options.go), 1.8.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final

NS_PER_S: Final = 1_000_000_000
EPSILON: Final = 0.0001
"""A bucket that weighs less than this is empty: VPA's least weight."""
EXPONENT_MAX: Final = 100
"""Beyond 2**100 the reference time moves on, long before a float overflows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Exponential buckets: the first ends at `first`, each is `growth` times as wide as before."""

    first: float
    most: float
    growth: float = 1.05

    @property
    def count(self) -> int:
        """How many there are; the last one takes all that is beyond."""
        steps = math.log(self.most * (self.growth - 1.0) / self.first + 1.0, self.growth)
        return math.ceil(steps) + 1

    def find(self, value: float) -> int:
        """Return the bucket that a value falls into."""
        if value < self.first:
            return 0
        steps = math.log(value * (self.growth - 1.0) / self.first + 1.0, self.growth)
        return min(int(steps), self.count - 1)

    def start(self, bucket: int) -> float:
        """Return where a bucket begins."""
        return self.first * (self.growth**bucket - 1.0) / (self.growth - 1.0)


CPU: Final = Buckets(first=0.01, most=1000.0)
"""Cores: 10 milli-cores to a thousand."""
MEMORY: Final = Buckets(first=1e7, most=1e12)
"""Bytes: 10 MB to 1 TB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Weights by bucket, as of `reference_s`; empty at first."""

    buckets: Buckets
    half_life_s: float = 86_400.0
    weights: dict[int, float] = field(default_factory=dict)
    reference_s: float | None = None

    def _multiple(self, at_s: float) -> float:
        """The multiple of the half-life that is nearest."""
        return math.floor(at_s / self.half_life_s + 0.5) * self.half_life_s

    def added(self, value: float, weight: float, *, at_s: float) -> "Histogram":
        """Return the histogram with one more sample; a negative weight takes one away."""
        if not math.isfinite(value) or value < 0.0:
            raise ValueError(f"a sample must be 0 or more, got {value}")
        now = self._referred_to(at_s)
        assert now.reference_s is not None
        factor = math.exp2((at_s - now.reference_s) / now.half_life_s)
        bucket = now.buckets.find(value)
        weights = dict(now.weights)
        left = weights.get(bucket, 0.0) + weight * factor
        if left >= (EPSILON if weight < 0.0 else 0.0):
            weights[bucket] = left
        else:
            weights.pop(bucket, None)
        return replace(now, weights=weights)

    def _referred_to(self, at_s: float) -> "Histogram":
        if self.reference_s is None:
            return replace(self, reference_s=self._multiple(at_s))
        if at_s <= self.reference_s + self.half_life_s * EXPONENT_MAX:
            return self
        reference = self._multiple(at_s)
        factor = math.exp2((self.reference_s - reference) / self.half_life_s)
        weights = {bucket: weight * factor for bucket, weight in self.weights.items()}
        return replace(self, weights=weights, reference_s=reference)

    @property
    def total(self) -> float:
        """The weight of all samples, as of the reference time."""
        return sum(self.weights.values())

    @property
    def is_empty(self) -> bool:
        """Whether nothing of weight is in it."""
        return all(weight < EPSILON for weight in self.weights.values())

    def percentile(self, ratio: float) -> float:
        """Return the end of the bucket in which this share of the weight is reached; 0 if empty."""
        found = sorted(b for b, weight in self.weights.items() if weight >= EPSILON)
        if not found:
            return 0.0
        threshold, summed = ratio * self.total, 0.0
        bucket = found[-1]
        for bucket in range(found[0], found[-1] + 1):
            summed += self.weights.get(bucket, 0.0)
            if summed >= threshold:
                break
        last = self.buckets.count - 1
        return self.buckets.start(bucket if bucket == last else bucket + 1)
