"""HighLatency: a p99 beyond the limit, or far out of its own baseline."""

from typing import Final

from analysis.baselines import Baseline, Baselines, latency_key
from analysis.detectors.subjects import ServiceSubjects, Subject
from analysis.settings import AnalysisSettings
from knowledge.issues import Symptom

SIGMA_MAX: Final = 6.0
"""Beyond this many robust standard deviations chance is ruled out, even for correlated windows."""


def detect_latency(
    found: ServiceSubjects, baselines: Baselines, settings: AnalysisSettings
) -> Symptom:
    """Judge the p99 of a service by its worst operation; too few requests are unknown."""
    judged = [
        _judge(found, subject, baselines, settings)
        for subject in found.subjects
        if subject.span_count >= settings.quantile_count_min
    ]
    if not judged:
        return Symptom(
            kind="HighLatency",
            service=found.service,
            health="unknown",
            value=None,
            limit=settings.latency_ms_max,
            baseline=None,
            unit="ms",
            sample_count=found.subjects[0].span_count,
            is_entry=found.is_entry,
            evidence=(),
            exemplars=(),
        )
    return max(judged, key=lambda s: (s.health == "unhealthy", (s.value or 0.0) / s.limit))


def limit_ms(baseline: Baseline | None, settings: AnalysisSettings) -> float:
    """The p99 beyond which a subject is unhealthy: the fixed limit, or less if that is unusual."""
    if baseline is None:
        return settings.latency_ms_max
    unusual = max(
        settings.baseline_ratio_max * baseline.median,
        baseline.median + settings.baseline_excess_ms_min,
        baseline.median + SIGMA_MAX * baseline.sigma,
    )
    return min(settings.latency_ms_max, unusual)


def _judge(
    found: ServiceSubjects, subject: Subject, baselines: Baselines, settings: AnalysisSettings
) -> Symptom:
    key = latency_key(found.service, subject.operation)
    baseline = baselines.get(key, count_min=settings.baseline_count_min)
    limit = limit_ms(baseline, settings)
    value = subject.latency_ms_p99
    is_sick = value > limit
    usual = f", usually {baseline.median:,.0f} ms" if baseline else ""
    where = f" {subject.operation}" if subject.operation else ""
    text = (
        f"{found.service}{where}: p99 {value:,.0f} ms of {subject.span_count} requests, "
        f"limit {limit:,.0f} ms{usual}"
    )
    return Symptom(
        kind="HighLatency",
        service=found.service,
        health="unhealthy" if is_sick else "healthy",
        value=value,
        limit=limit,
        baseline=baseline.median if baseline else None,
        unit="ms",
        sample_count=subject.span_count,
        is_entry=found.is_entry,
        evidence=(text,) if is_sick else (),
        exemplars=found.exemplars if is_sick else (),
    )
