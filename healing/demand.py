"""What is asked of a workload, and how it fares: what an autoscaler sees. Missing is not zero."""

from dataclasses import dataclass
from typing import Final

from healing.situation import Situation
from knowledge.identity import ServiceKey, WorkloadKey

COUNT_MIN: Final = 10
"""Fewer requests in a pane say nothing of how waits grow; and so many do not stay out by chance."""
SHRINK_MAX: Final = 0.5
STRETCH_MAX: Final = 0.25
"""How far growing or falling waits are believed, as a share of the pane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Of the newest pane; None is not known. Times are those spent in the service itself."""

    arrivals_per_s: float | None
    own_ms_mean: float | None = None
    own_ms_p99: float | None = None
    latency_ms: float | None = None
    reason: str = ""


def demand_of(
    situation: Situation,
    workload: WorkloadKey,
    *,
    pane_s: float,
    age_s_max: float,
    latency_ms_before: float | None,
    usual_per_s: float | None,
) -> Demand:
    """Return what is asked of `workload` now.

    Spans tell when requests ended. Where waits grow, those that ended within a pane arrived within
    a shorter time (first come, first served): so a saturated service does not hide how much is
    asked of it. `usual_per_s`: the going rate; a pane without any request is believed only where
    chance can explain it.
    """
    age_s = next((f.age_s for f in situation.freshness if f.signal == "traces"), None)
    if age_s is None or age_s > age_s_max:
        told = "no spans yet" if age_s is None else f"the newest span is {age_s:.0f} s old"
        return Demand(arrivals_per_s=None, reason=told)
    rows = [
        row
        for row in situation.tables.services.iter_rows(named=True)
        if situation.workloads.get(ServiceKey(namespace=row["namespace"], name=row["service"]))
        == workload
    ]
    count = sum(row["newest_count"] for row in rows)
    if not rows or (not count and (usual_per_s or 0.0) * pane_s >= COUNT_MIN):
        return Demand(arrivals_per_s=None, reason="no spans of it: what is not seen is not zero")
    total = sum(row["newest_ms_mean"] * row["newest_count"] for row in rows)
    latency_ms = total / count if count else None
    own = [row for row in rows if row["self_ms_mean"] is not None]
    seen = sum(row["span_count"] for row in own)
    return Demand(
        arrivals_per_s=count / _arrival_s(count, latency_ms, latency_ms_before, pane_s),
        own_ms_mean=sum(r["self_ms_mean"] * r["span_count"] for r in own) / seen if seen else None,
        own_ms_p99=max((row["self_ms_p99"] for row in own), default=None),
        latency_ms=latency_ms,
    )


def _arrival_s(
    count: int, latency_ms: float | None, before_ms: float | None, pane_s: float
) -> float:
    """The seconds in which the requests that ended within a pane arrived."""
    if latency_ms is None or before_ms is None or count < COUNT_MIN:
        return pane_s
    grown_s = (latency_ms - before_ms) / 1000.0
    return pane_s - min(max(grown_s, -STRETCH_MAX * pane_s), SHRINK_MAX * pane_s)
