"""How much speaks for requests having become slow, however few or many there are.

For each kind of request it is known what is usual. A request is slow if it takes a multiple of that
and a good deal more; some always do. That the share of slow ones grew is measured by the
log-likelihood ratio against the usual share (Wilks, Annals of Mathematical Statistics 9, 1938), and
kinds add up: three slow log-ins of three say as much as twenty slow searches of a hundred. So there
is no least number of requests, and one straggler proves nothing.
"""

from dataclasses import dataclass
from math import log
from statistics import median
from typing import Final

from analysis.baselines import Baselines, entry_key
from analysis.detectors.subjects import ServiceSubjects
from analysis.settings import AnalysisSettings

SURE: Final = 10.0
"""Evidence that a quiet system shows in one of e^10 (22,000) looks, if looks were independent."""
WELL: Final = 5.0
"""Below half of that it is over; between the two nothing is said."""
USUAL_COUNT_MIN: Final = 8
SHARE_MIN: Final = 0.01
"""A kind without slow requests yet has them in one of a hundred: tails are long."""
NOISE: Final = 0.5
"""What a kind adds by chance on average (half a chi-square of one degree), taken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowness:
    """The evidence of one kind of request."""

    request: str
    slow_count: int
    count: int
    limit_ms: float
    usual_ms: float
    worst_ms: float
    evidence: float


def slowness(
    found: ServiceSubjects, baselines: Baselines, settings: AnalysisSettings
) -> list[Slowness] | None:
    """Return what each kind of request says, the most telling first; None if nothing is known."""
    known = []
    for request, durations_ms in found.entries:
        usual = baselines.series.get(entry_key(found.service, request), ())
        if durations_ms and len(usual) >= USUAL_COUNT_MIN:
            known.append(_judged(request, durations_ms, usual, settings))
    return sorted(known, key=lambda s: (-s.evidence, s.request)) if known else None


def _judged(
    request: str,
    durations_ms: tuple[float, ...],
    usual: tuple[float, ...],
    settings: AnalysisSettings,
) -> Slowness:
    usual_ms = median(usual)
    limit_ms = max(
        settings.baseline_ratio_max * usual_ms, usual_ms + settings.baseline_excess_ms_min
    )
    share = (sum(ms > limit_ms for ms in usual) + 1) / (len(usual) + 2)
    slow = sum(ms > limit_ms for ms in durations_ms)
    ratio = log_likelihood_ratio(slow, len(durations_ms), max(SHARE_MIN, share))
    return Slowness(
        request=request,
        slow_count=slow,
        count=len(durations_ms),
        limit_ms=limit_ms,
        usual_ms=usual_ms,
        worst_ms=median([ms for ms in durations_ms if ms > limit_ms] or durations_ms),
        evidence=max(0.0, ratio - NOISE),
    )


def log_likelihood_ratio(hits: int, count: int, share: float) -> float:
    """How much better `hits` of `count` fit their own share than `share`; 0 if they are fewer.

    >>> round(log_likelihood_ratio(3, 3, 0.1), 1)
    6.9
    """
    own = hits / count
    if own <= share:
        return 0.0
    missed = (count - hits) * log((1 - own) / (1 - share)) if hits < count else 0.0
    return hits * log(own / share) + missed
