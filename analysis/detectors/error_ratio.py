"""HighErrorRate: more failures than the limit allows, beyond what chance explains."""

from math import sqrt
from typing import Final

from analysis.baselines import Baselines
from analysis.detectors.subjects import ServiceSubjects, Subject
from analysis.settings import AnalysisSettings
from knowledge.issues import Symptom

Z_95_PERCENT: Final = 1.959964


def wilson_lower(failed: int, total: int, z: float = Z_95_PERCENT) -> float:
    """Return the lower end of Wilson's score interval for `failed` of `total`, in [0, 1].

    Wilson, JASA 22 (1927). Right also for few requests and for ratios near 0 and 1.

    >>> round(wilson_lower(5, 20), 3)
    0.112
    """
    if not total:
        return 0.0
    ratio, square = failed / total, z * z
    centre = ratio + square / (2 * total)
    margin = z * sqrt((ratio * (1 - ratio) + square / (4 * total)) / total)
    return max(0.0, (centre - margin) / (1 + square / total))


def detect_error_ratio(
    found: ServiceSubjects,
    baselines: Baselines,  # noqa: ARG001 - one shape for all detectors
    settings: AnalysisSettings,
) -> Symptom:
    """Judge the failures of a service by its worst operation; too few requests are unknown."""
    judged = [
        _judge(found, subject, settings)
        for subject in found.subjects
        if subject.span_count >= settings.sample_count_min
    ]
    if not judged:
        return Symptom(
            kind="HighErrorRate",
            service=found.service,
            health="unknown",
            value=None,
            limit=settings.error_ratio_max,
            baseline=None,
            unit="ratio",
            sample_count=found.subjects[0].span_count,
            is_entry=found.is_entry,
            evidence=(),
            exemplars=(),
        )
    return max(judged, key=lambda s: (s.health == "unhealthy", s.value or 0.0))


def _judge(found: ServiceSubjects, subject: Subject, settings: AnalysisSettings) -> Symptom:
    value = subject.error_count / subject.span_count
    is_sick = wilson_lower(subject.error_count, subject.span_count) > settings.error_ratio_max
    where = f" {subject.operation}" if subject.operation else ""
    text = (
        f"{found.service}{where}: {subject.error_count} of {subject.span_count} requests failed "
        f"({value:.1%}), limit {settings.error_ratio_max:.0%}"
    )
    return Symptom(
        kind="HighErrorRate",
        service=found.service,
        health="unhealthy" if is_sick else "healthy",
        value=value,
        limit=settings.error_ratio_max,
        baseline=None,
        unit="ratio",
        sample_count=subject.span_count,
        is_entry=found.is_entry,
        evidence=(text,) if is_sick else (),
        exemplars=found.exemplars if is_sick else (),
    )
