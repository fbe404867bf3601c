"""Detectors: sure of what they say, silent about what they cannot know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.baselines import Baselines, latency_key
from analysis.detectors.error_ratio import detect_error_ratio, wilson_lower
from analysis.detectors.latency import detect_latency
from analysis.detectors.subjects import ServiceSubjects, Subject
from analysis.settings import AnalysisSettings
from knowledge.identity import ServiceKey

SETTINGS = AnalysisSettings()
FRONT = ServiceKey(namespace="shop", name="front")
NOTHING = Baselines()


def _found(*subjects: tuple[str, int, int, float]) -> ServiceSubjects:
    return ServiceSubjects(
        service=FRONT,
        is_entry=True,
        exemplars=("aa",),
        subjects=tuple(
            Subject(operation=name, span_count=count, error_count=failed, latency_ms_p99=p99)
            for name, count, failed, p99 in subjects
        ),
    )


def _usually(p99_ms: float, count: int = 10) -> Baselines:
    values = [(latency_key(FRONT, ""), p99_ms + index % 3) for index in range(count)]
    baselines = NOTHING
    for value in values:
        baselines = baselines.learn([value], count_max=100)
    return baselines


@pytest.mark.parametrize(
    ("count", "failed", "health"),
    [
        (9, 9, "unknown"),  # too few requests to say anything
        (10, 0, "healthy"),
        (10, 1, "healthy"),  # 10 %, but it may well be chance
        (10, 5, "unhealthy"),
        (1000, 50, "healthy"),  # exactly the limit
        (1000, 80, "unhealthy"),
    ],
)
def test_error_ratio(count: int, failed: int, health: str) -> None:
    symptom = detect_error_ratio(_found(("", count, failed, 1.0)), NOTHING, SETTINGS)
    assert symptom.health == health
    assert bool(symptom.evidence) == (health == "unhealthy")


@pytest.mark.parametrize(
    ("count", "p99_ms", "baseline_ms", "health"),
    [
        (49, 9000.0, None, "unknown"),
        (50, 1000.0, None, "healthy"),
        (50, 1001.0, None, "unhealthy"),
        (50, 250.0, 50.0, "unhealthy"),  # beyond 3 times, and 100 ms more
        (50, 149.0, 50.0, "healthy"),  # not 100 ms more
        (50, 500.0, 200.0, "healthy"),  # not beyond 3 times
        (50, 1100.0, 900.0, "unhealthy"),  # the fixed limit holds whatever is usual
    ],
)
def test_latency(count: int, p99_ms: float, baseline_ms: float | None, health: str) -> None:
    baselines = NOTHING if baseline_ms is None else _usually(baseline_ms)
    symptom = detect_latency(_found(("", count, 0, p99_ms)), baselines, SETTINGS)
    assert symptom.health == health


def test_a_sick_operation_does_not_hide_in_a_healthy_service() -> None:
    found = _found(("", 1000, 40, 50.0), ("GET /a", 900, 0, 40.0), ("POST /b", 100, 40, 60.0))
    symptom = detect_error_ratio(found, NOTHING, SETTINGS)
    assert symptom.health == "unhealthy"
    assert "POST /b" in symptom.evidence[0]


def test_a_baseline_of_too_few_values_does_not_count() -> None:
    symptom = detect_latency(_found(("", 100, 0, 900.0)), _usually(10.0, count=3), SETTINGS)
    assert symptom.health == "healthy"
    assert symptom.baseline is None


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilsons_bound_is_a_ratio_below_the_observed_one(failed: int, total: int) -> None:
    failed = min(failed, total)
    bound = wilson_lower(failed, total)
    assert 0.0 <= bound <= failed / total + 1e-12
    assert wilson_lower(failed, total) <= wilson_lower(10 * failed, 10 * total) + 1e-12
