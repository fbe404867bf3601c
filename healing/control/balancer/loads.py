"""Calls to figures: rate, error ratio and calls in flight of a window, latency as a peak EWMA.

The peak EWMA is that of Finagle (com.twitter.finagle.loadbalancer.PeakEwma): up at once, down
slowly. Its input is the mean of a second, and one call alone moves it less than a hundred do.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from healing.control.balancer.values import Load
from knowledge.bounds import require_positive
from knowledge.traffic import Calls

FUTURE_S_MAX = 5
"""A call that ended further ahead than clocks differ is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """Over what time the figures are taken."""

    window_s: float = 10.0
    """Rates and ratios are of this long."""

    decay_s: float = 5.0
    """In this time a latency that has gone falls to 1/e in the average."""

    weighty_count: int = 5
    """This many calls in a second move the average half of the way up at once."""

    def __post_init__(self) -> None:
        require_positive(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is remembered of one backend. `first_unix_s`: since when it has been heard of."""

    first_unix_s: int
    newest_unix_s: int
    latency_ms: float | None = None
    seconds: tuple[Calls, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """All backends that were heard of."""

    seen: Mapping[str, Seen] = field(default_factory=dict)

    def after(
        self, calls: Iterable[Calls], settings: LoadSettings, *, now_unix_s: float
    ) -> "Loads":
        """Return what is known with more calls, each told once; in order of their seconds."""
        seen = dict(self.seen)
        oldest = now_unix_s - settings.window_s
        for told in calls:
            if oldest <= told.end_unix_s <= now_unix_s + FUTURE_S_MAX and told.call_count > 0:
                seen[told.address] = _with(seen.get(told.address), told, settings)
        return Loads(
            seen={
                address: replace(
                    one, seconds=tuple(s for s in one.seconds if s.end_unix_s >= oldest)
                )
                for address, one in seen.items()
            }
        )

    def age_s(self, address: str, *, now_unix_s: float) -> float | None:
        """How long ago the newest call to it ended; None before the first."""
        one = self.seen.get(address)
        return max(now_unix_s - one.newest_unix_s, 0.0) if one else None

    def known_s(self, address: str) -> float:
        """For how long there has been telemetry of it."""
        one = self.seen.get(address)
        return float(one.newest_unix_s - one.first_unix_s) if one else 0.0

    def load(self, address: str, capacity: float, settings: LoadSettings) -> Load:
        """Return the figures of a backend as of its last calls."""
        one = self.seen.get(address, Seen(first_unix_s=0, newest_unix_s=0))
        count = sum(s.call_count for s in one.seconds)
        return Load(
            address=address,
            capacity=capacity,
            calls_per_s=count / settings.window_s,
            error_ratio=sum(s.error_count for s in one.seconds) / count if count else 0.0,
            latency_ms=one.latency_ms,
            in_flight=sum(s.busy_ms_sum for s in one.seconds) / 1e3 / settings.window_s,
        )

    def forget(self, address: str) -> "Loads":
        """Return what is known without one backend: it comes back as a stranger."""
        return Loads(seen={a: one for a, one in self.seen.items() if a != address})


def _with(one: Seen | None, told: Calls, settings: LoadSettings) -> Seen:
    if one is None:
        one = Seen(first_unix_s=told.end_unix_s, newest_unix_s=told.end_unix_s)
    elapsed_s = max(told.end_unix_s - one.newest_unix_s, 0)
    return replace(
        one,
        newest_unix_s=max(one.newest_unix_s, told.end_unix_s),
        seconds=(*one.seconds, told),
        latency_ms=_averaged(one.latency_ms, told, elapsed_s, settings),
    )


def _averaged(
    before: float | None, told: Calls, elapsed_s: float, settings: LoadSettings
) -> float | None:
    ok_count = told.call_count - told.error_count
    if ok_count <= 0:
        return before
    mean = told.ok_ms_sum / ok_count
    if before is None:
        return mean
    evidence = ok_count / (ok_count + settings.weighty_count)
    share = evidence if mean > before else 1.0 - math.exp(-elapsed_s / settings.decay_s)
    return before + share * (mean - before)
