"""Evidence that requests became slow: it grows with how many and how rarely, not with one alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.baselines import Baselines, entry_key
from analysis.detectors.evidence import health_of, log_likelihood_ratio, slowness
from analysis.detectors.latency import detect_latency
from analysis.detectors.subjects import ServiceSubjects, Subject
from analysis.settings import AnalysisSettings
from knowledge.identity import ServiceKey

FRONT = ServiceKey(namespace="shop", name="front")
SETTINGS = AnalysisSettings()


def _usually(ms: float, count: int = 60) -> Baselines:
    values = [(entry_key(FRONT, "GET /"), ms * (1 + index % 5 / 10)) for index in range(count)]
    return Baselines().learn(values, count_max=200)


def _found(*now_ms: float, earlier_ms: tuple[float, ...] = ()) -> ServiceSubjects:
    whole = Subject(operation="", span_count=len(now_ms), error_count=0, latency_ms_p99=5000.0)
    return ServiceSubjects(
        service=FRONT,
        is_entry=True,
        exemplars=(),
        subjects=(whole,),
        entries=(("GET /", now_ms, earlier_ms),),
    )


def _health(found: ServiceSubjects, baselines: Baselines) -> str:
    return detect_latency(found, baselines, SETTINGS).health


@pytest.mark.parametrize(
    ("slow", "fast", "health"),
    [
        (0, 50, "healthy"),
        (1, 50, "healthy"),  # one straggler
        (4, 0, "unhealthy"),  # four of four
        (9, 40, "unhealthy"),
        (2, 0, "unknown"),  # two of two: not yet
    ],
)
def test_few_requests_that_are_all_slow_say_as_much_as_some_of_many(
    slow: int, fast: int, health: str
) -> None:
    assert _health(_found(*[900.0] * slow, *[100.0] * fast), _usually(100.0)) == health


def test_rare_requests_add_up_over_two_windows() -> None:
    found = _found(900.0, 900.0, earlier_ms=(900.0, 900.0, 900.0))
    assert _health(found, _usually(100.0)) == "unhealthy"


def test_what_the_last_window_does_not_show_is_over() -> None:
    found = _found(100.0, 100.0, earlier_ms=(900.0,) * 9)
    assert _health(found, _usually(100.0)) == "healthy"


def test_nothing_is_said_before_it_is_known_what_is_usual() -> None:
    assert _health(_found(*[9000.0] * 60), _usually(100.0, count=15)) == "unknown"


def test_the_evidence_names_the_kind_of_request_and_its_numbers() -> None:
    symptom = detect_latency(_found(*[900.0] * 9), _usually(100.0), SETTINGS)
    assert "GET /: 9 of 9 requests took over 360 ms, usually 120 ms" in symptom.evidence[0]


@given(st.integers(1, 200), st.data())
def test_more_slow_requests_never_say_less(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count - 1))
    share = data.draw(st.floats(0.01, 0.6))
    less = log_likelihood_ratio(hits, count, share)
    assert 0.0 <= less <= log_likelihood_ratio(hits + 1, count, share) + 1e-9


def test_kinds_without_anything_usual_say_nothing() -> None:
    assert slowness(_found(900.0), Baselines(), SETTINGS) == []
    assert health_of([]) == "unknown"
