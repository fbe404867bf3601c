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
from knowledge.issues import Health

SURE: Final = 12.0
"""Evidence that a quiet system shows in one of e^12 (160,000) looks if they are independent: with a
look every five seconds that is once in nine days."""
WELL: Final = 6.0
"""Below half of that it is over; between the two nothing is said."""
USUAL_COUNT_MIN: Final = 16
"""Of fewer it is not known what is usual: their median may be off by a quartile, and no share below
6 % can be told from none."""
SHARE_MIN: Final = 0.01
"""A kind without slow requests yet has them in one of a hundred: tails are long."""
NOISE: Final = 0.5
"""What a kind adds by chance on average (half a chi-square of one degree), taken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowness:
    """What one kind of request says: in the last window, and (long) with the one before it."""

    request: str
    slow_count: int
    count: int
    limit_ms: float
    usual_ms: float
    worst_ms: float
    evidence: float
    evidence_long: float


def slowness(
    found: ServiceSubjects, baselines: Baselines, settings: AnalysisSettings
) -> list[Slowness]:
    """Return what each kind of request says of which it is known what is usual, the worst first."""
    known = []
    for request, durations_ms, earlier_ms in found.entries:
        usual = baselines.series.get(entry_key(found.service, request), ())
        if (durations_ms or earlier_ms) and len(usual) >= USUAL_COUNT_MIN:
            known.append(_judged(request, durations_ms, earlier_ms, usual, settings))
    return sorted(known, key=lambda s: (-s.evidence_long, -s.evidence, s.request))


def health_of(kinds: list[Slowness]) -> Health:
    """Return what all kinds together say.

    Rare kinds need two windows to be sure of, but what the last window does not show is over: the
    two windows of a burn-rate rule (Beyer et al., The Site Reliability Workbook, chapter 5).
    """
    if not kinds:
        return "unknown"
    now = sum(kind.evidence for kind in kinds)
    longer = sum(kind.evidence_long for kind in kinds)
    if now < WELL:
        return "healthy"
    return "unhealthy" if max(now, longer) >= SURE else "unknown"


def _judged(
    request: str,
    durations_ms: tuple[float, ...],
    earlier_ms: tuple[float, ...],
    usual: tuple[float, ...],
    settings: AnalysisSettings,
) -> Slowness:
    usual_ms = median(usual)
    limit_ms = max(
        settings.baseline_ratio_max * usual_ms, usual_ms + settings.baseline_excess_ms_min
    )
    share = max(SHARE_MIN, (sum(ms > limit_ms for ms in usual) + 1) / (len(usual) + 2))
    slow = [ms for ms in durations_ms if ms > limit_ms]
    slow_earlier = sum(ms > limit_ms for ms in earlier_ms)
    count, count_long = len(durations_ms), len(durations_ms) + len(earlier_ms)
    return Slowness(
        request=request,
        slow_count=len(slow),
        count=count,
        limit_ms=limit_ms,
        usual_ms=usual_ms,
        worst_ms=median(slow or durations_ms or earlier_ms),
        evidence=max(0.0, log_likelihood_ratio(len(slow), count, share) - NOISE),
        evidence_long=max(
            0.0, log_likelihood_ratio(len(slow) + slow_earlier, count_long, share) - NOISE
        ),
    )


def log_likelihood_ratio(hits: int, count: int, share: float) -> float:
    """How much better `hits` of `count` fit their own share than `share`; 0 if they are fewer.

    >>> round(log_likelihood_ratio(3, 3, 0.1), 1)
    6.9
    """
    own = hits / count if count else 0.0
    if own <= share:
        return 0.0
    missed = (count - hits) * log((1 - own) / (1 - share)) if hits < count else 0.0
    return hits * log(own / share) + missed
