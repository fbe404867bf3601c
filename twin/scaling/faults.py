"""What goes wrong with the pods of one service at stated times of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twin.scaling.workload import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PodsKilled:
    """So many pods are gone at once, the oldest first; others are created in their place."""

    kind: Literal["pods_killed"] = "pods_killed"
    at_s: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowStarts:
    """Pods that are created meanwhile take so long to become ready: images, full nodes."""

    kind: Literal["slow_starts"] = "slow_starts"
    at_s: int
    for_s: int
    startup_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowWork:
    """Each request is so many times the work: a bad release, a slow dependency."""

    kind: Literal["slow_work"] = "slow_work"
    at_s: int
    for_s: int
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTelemetry:
    """No telemetry of these seconds ever arrives; the cluster's own metrics do."""

    kind: Literal["no_telemetry"] = "no_telemetry"
    at_s: int
    for_s: int


Fault = PodsKilled | SlowStarts | SlowWork | NoTelemetry


def work_factors(faults: Sequence[Fault], duration_s: int) -> Floats | None:
    """Return by what the work of a request is multiplied, by its second; None: by nothing."""
    found = [fault for fault in faults if isinstance(fault, SlowWork)]
    if not found:
        return None
    factors = np.ones(duration_s)
    for fault in found:
        factors[fault.at_s : fault.at_s + fault.for_s] *= fault.factor
    return factors


def dark_times(faults: Sequence[Fault]) -> tuple[tuple[int, int], ...]:
    """Return the times without telemetry, from and to."""
    return tuple((f.at_s, f.at_s + f.for_s) for f in faults if isinstance(f, NoTelemetry))


def startup_of(faults: Sequence[Fault], now_s: int, usual_s: int) -> int:
    """Return how long a pod takes that is created now."""
    slow = [
        f.startup_s
        for f in faults
        if isinstance(f, SlowStarts) and f.at_s <= now_s < f.at_s + f.for_s
    ]
    return max(slow, default=usual_s)


def killed_in(faults: Sequence[Fault], from_s: int, to_s: int) -> int:
    """Return how many pods are killed in [from_s, to_s)."""
    return sum(f.count for f in faults if isinstance(f, PodsKilled) and from_s <= f.at_s < to_s)
