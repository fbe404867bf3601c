"""Timelines and rankings beside the labels: was it found, when, and was the culprit named? Pure."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench.rca.recording import NS, Fault, Recording

FOUND_WITHIN_S: Final = 120.0
"""An issue may open this long after a fault's end and still be about it."""
RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """When /status first showed an issue firing."""

    issue_id: str
    unix_s: float
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What detection did on one gapless recording."""

    delays_s: dict[int, float | None]
    """Per fault, by its index: how long until an issue opened; None: none did."""

    false_openings: tuple[Opening, ...]
    plans_in_quiet: int
    quiet_h: float


def openings(timeline: Sequence[dict[str, Any]]) -> list[Opening]:
    """Return each issue's first `firing`, in the order of time."""
    seen: dict[str, Opening] = {}
    for entry in timeline:
        for issue in entry["issues"]:
            if issue["state"] == "firing" and issue["id"] not in seen:
                seen[issue["id"]] = Opening(
                    issue_id=issue["id"],
                    unix_s=entry["now_unix_ns"] / NS,
                    service=issue["service"],
                )
    return list(seen.values())


def score_detection(recording: Recording, timeline: Sequence[dict[str, Any]]) -> Detection:
    """Score one timeline against the labels of its recording."""
    opened = openings(timeline)
    delays: dict[int, float | None] = {}
    for index, fault in enumerate(recording.faults):
        within = [o.unix_s - fault.start_unix_s for o in opened if _is_about(o.unix_s, fault)]
        delays[index] = min(within, default=None)
    false = tuple(
        o for o in opened if not any(_is_about(o.unix_s, fault) for fault in recording.faults)
    )
    planned = {
        issue["id"]
        for entry in timeline
        for issue in entry["issues"]
        if issue["plan"]
        and not any(_is_about(entry["now_unix_ns"] / NS, fault) for fault in recording.faults)
    }
    return Detection(
        delays_s=delays,
        false_openings=false,
        plans_in_quiet=len(planned),
        quiet_h=_quiet_s(recording) / 3600,
    )


def _is_about(unix_s: float, fault: Fault) -> bool:
    return fault.start_unix_s <= unix_s <= fault.end_unix_s + FOUND_WITHIN_S


def _quiet_s(recording: Recording) -> float:
    """How much of a recording lies outside every fault and its aftermath."""
    left, quiet = recording.start_unix_s, 0.0
    for fault in recording.faults:
        quiet += max(0.0, min(fault.start_unix_s, recording.end_unix_s) - left)
        left = max(left, fault.end_unix_s + FOUND_WITHIN_S)
    return quiet + max(0.0, recording.end_unix_s - left)


def accuracy(ranks: Sequence[int | None], most: int) -> float:
    """AC@k: the share of cases whose true service is among the first `most`."""
    return sum(rank is not None and rank <= most for rank in ranks) / len(ranks)


def average_at_5(ranks: Sequence[int | None]) -> float:
    """Avg@5: the mean of AC@1 to AC@5."""
    return sum(accuracy(ranks, most) for most in range(1, 6)) / 5


def chance(service_counts: Sequence[int], most: int) -> float:
    """AC@k of a ranking by lot among the services in view."""
    return sum(min(1.0, most / max(1, count)) for count in service_counts) / len(service_counts)


def bootstrap(
    ranks: Sequence[int | None], figure: Callable[[Sequence[int | None]], float]
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a figure over the cases (Efron 1979), seeded."""
    chosen = random.Random(1)
    values = sorted(
        figure(chosen.choices(ranks, k=len(ranks))) for _ in range(RESAMPLES if ranks else 0)
    )
    if not values:
        return (0.0, 0.0)
    return values[int(0.025 * RESAMPLES)], values[int(0.975 * RESAMPLES) - 1]


def rank_of(service: str, causes: Sequence[str]) -> int | None:
    """The place of a service in a ranking, from 1; None where it is not named."""
    return causes.index(service) + 1 if service in causes else None


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the values lie, by the nearest rank; None without any."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(values: Sequence[float]) -> float | None:
    """The median; None without any values."""
    return median(values) if values else None
