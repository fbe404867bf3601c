"""When a series of checks makes something unhealthy, or healthy again. Pure.

So many failures in a row and it is unhealthy; so many successes in a row and it is healthy. Between
the two it stays what it was: the rule of Kubernetes' probes
(https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/) and of
Envoy's active health checks. What was not learned (our own time ran out, nobody was asked) is no
failure and breaks no row: it leaves everything as it is, until what is known is too old to be said.
"""

from dataclasses import dataclass, replace
from typing import Literal

Health = Literal["healthy", "unhealthy", "unknown"]
Check = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthThresholds:
    """How many checks in a row decide, and how long what they decided is good for."""

    unhealthy_count: int = 3
    """Failures in a row that make something unhealthy."""

    healthy_count: int = 2
    """Successes in a row that make something healthy (again)."""

    stale_s: float = 60.0
    """Without any conclusive check for this long, nothing is known."""

    def __post_init__(self) -> None:
        for name in ("unhealthy_count", "healthy_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}: expected 1 or more")
        if not self.stale_s > 0:
            raise ValueError(f"stale_s: got {self.stale_s}: expected more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthThreshold:
    """One thing that is checked. `row`: how many checks in a row came out like `last`.

    Times are seconds on any clock that does not go back.
    """

    thresholds: HealthThresholds = HealthThresholds()
    decided: Health = "unknown"
    last: Literal["passed", "failed"] | None = None
    row: int = 0
    seen_s: float = 0.0

    def after(self, check: Check, *, now_s: float) -> "HealthThreshold":
        """Return what is known after one more check."""
        known = self._unless_stale(now_s)
        if check == "inconclusive":
            return known
        row = known.row + 1 if check == known.last else 1
        decided = known.decided
        if check == "failed" and row >= self.thresholds.unhealthy_count:
            decided = "unhealthy"
        if check == "passed" and row >= self.thresholds.healthy_count:
            decided = "healthy"
        return replace(known, decided=decided, last=check, row=row, seen_s=now_s)

    def health(self, *, now_s: float) -> Health:
        """Return what may be said at that time."""
        return self._unless_stale(now_s).decided

    def _unless_stale(self, now_s: float) -> "HealthThreshold":
        if self.last is None or now_s - self.seen_s <= self.thresholds.stale_s:
            return self
        return HealthThreshold(thresholds=self.thresholds)
