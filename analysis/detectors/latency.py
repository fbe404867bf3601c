"""HighLatency: requests that are surely slow, or a p99 beyond the limit or its baseline."""

from typing import Final

from analysis.baselines import Baseline, Baselines, latency_key
from analysis.detectors.evidence import Slowness, health_of, slowness
from analysis.detectors.subjects import ServiceSubjects, Subject
from analysis.settings import AnalysisSettings
from knowledge.issues import Symptom

SIGMA_MAX: Final = 6.0
"""Beyond this many robust standard deviations chance is ruled out, even for correlated windows."""
P99_COUNT_MIN: Final = 500
"""Five requests beyond it make a p99 a property of the service."""
_RANK: Final = {"healthy": 0, "unknown": 1, "unhealthy": 2}


def detect_latency(
    found: ServiceSubjects, baselines: Baselines, settings: AnalysisSettings
) -> Symptom:
    """Judge how long a service takes, by the worst of what is known; too little is unknown.

    Where single requests of users are known their evidence counts, and a p99 only where there are
    so many requests that it is more than a straggler or two.
    """
    slow = slowness(found, baselines, settings) if found.is_entry and found.entries else None
    count_min = settings.quantile_count_min if slow is None else P99_COUNT_MIN
    judged = [
        _judge(found, subject, baselines, settings)
        for subject in found.subjects
        if subject.span_count >= count_min
    ]
    if slow:
        judged.append(_weigh(found, slow))
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
    return max(judged, key=lambda s: (_RANK[s.health], (s.value or 0.0) / s.limit))


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


def _weigh(found: ServiceSubjects, slow: list[Slowness]) -> Symptom:
    health = health_of(slow)
    worst = slow[0]
    texts = tuple(
        f"{found.service} {kind.request}: {kind.slow_count} of {kind.count} requests took over "
        f"{kind.limit_ms:,.0f} ms, usually {kind.usual_ms:,.0f} ms"
        for kind in slow[:3]
        if kind.slow_count
    )
    return Symptom(
        kind="HighLatency",
        service=found.service,
        health=health,
        value=worst.worst_ms,
        limit=worst.limit_ms,
        baseline=worst.usual_ms,
        unit="ms",
        sample_count=sum(kind.count for kind in slow),
        is_entry=True,
        evidence=texts if health == "unhealthy" else (),
        exemplars=found.exemplars if health == "unhealthy" else (),
    )
