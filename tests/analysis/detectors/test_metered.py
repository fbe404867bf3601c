"""Histograms speak for services without spans, and only where they say something for sure."""

from dataclasses import replace
from math import inf
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from analysis.cardinality import OTHER
from analysis.detectors.metered import detect_metered
from analysis.settings import AnalysisSettings
from analysis.step import AnalysisState, step
from knowledge.diagnosis import Diagnosis, Question, Statement, Suspect
from knowledge.identity import ServiceKey
from knowledge.issues import Symptom
from knowledge.schemas import EDGES, SERVICES
from knowledge.windows import Gap, WindowTables, gaps_table

S = 10**9
EMPTY = WindowTables.empty(0, 60 * S)
SETTINGS = AnalysisSettings(latency_ms_max=1000, error_ratio_max=0.05)


def blank(schema: pa.Schema, **told: Any) -> dict[str, Any]:
    """A row with what is told, all else zero or empty."""
    zeros: dict[str, Any] = {"string": "", "list<item: string>": ["ab"]}
    return {field.name: zeros.get(str(field.type), 0) for field in schema} | told


def tables(*, low: float, high: float, count: int = 100, errors: int = 0) -> WindowTables:
    told = {
        "namespace": "shop",
        "service": "cart",
        "metric": "http.server.request.duration",
        "request_count": count,
        "error_count": errors,
        "error_ratio": errors / count,
        "request_per_s": count / 60,
        "covered_s": 60.0,
        "latency_ms_mean": None,
        "latency_ms_p99_low": low,
        "latency_ms_p99_high": high,
        "exemplars": ["ab"],
    }
    return replace(EMPTY, metered=pl.DataFrame([told], schema=EMPTY.metered.schema))


def symptoms(found: WindowTables) -> tuple[Symptom, Symptom]:
    latency, errors = detect_metered(found, SETTINGS)
    return latency, errors


@pytest.mark.parametrize(
    ("low", "high", "count", "health", "value"),
    [
        (250, 500, 100, "healthy", 500),
        (750, 1000, 100, "healthy", 1000),
        (750, 2500, 100, "unknown", None),
        (1000, 2500, 100, "unknown", None),
        (1000, inf, 100, "unknown", None),
        (2500, 5000, 100, "unhealthy", 2500),
        (10_000, inf, 100, "unhealthy", 10_000),
        (2500, 5000, 49, "unknown", None),
    ],
)
def test_latency_is_judged_only_where_the_whole_interval_agrees(
    low: float, high: float, count: int, health: str, value: float | None
) -> None:
    latency, _ = symptoms(tables(low=low, high=high, count=count))
    assert (latency.health, latency.value) == (health, value)
    assert latency.exemplars == (("ab",) if health == "unhealthy" else ())
    told = " ".join(latency.evidence)
    assert ("it sends no spans" in told) == (health != "healthy")


@pytest.mark.parametrize(
    ("count", "errors", "health"),
    [(100, 0, "healthy"), (100, 20, "unhealthy"), (100, 6, "healthy"), (9, 9, "unknown")],
)
def test_errors_are_judged_as_those_of_spans(count: int, errors: int, health: str) -> None:
    _, ratio = symptoms(tables(low=1, high=2, count=count, errors=errors))
    assert ratio.health == health


def test_spans_win_where_there_are_any() -> None:
    served = blank(SERVICES, namespace="shop", service="cart", span_count=1)
    frame = pl.DataFrame([served], schema=EMPTY.services.schema)
    assert detect_metered(replace(tables(low=1, high=2), services=frame), SETTINGS) == ()


def test_where_spans_tell_of_more_services_than_are_told_apart_nothing_is_said() -> None:
    others = blank(SERVICES, namespace="", service=OTHER, span_count=1)
    frame = pl.DataFrame([others], schema=EMPTY.services.schema)
    sick = replace(tables(low=2500, high=5000, errors=90), services=frame)
    for symptom in symptoms(sick):
        assert (symptom.health, symptom.value, symptom.exemplars) == ("unknown", None, ())
        assert "whether it sends spans is not known" in symptom.evidence[0]
        assert "it sends no spans" not in symptom.evidence[0]


def test_a_service_that_nobody_in_view_calls_is_where_requests_enter() -> None:
    sick = tables(low=2500, high=5000)
    assert all(symptom.is_entry for symptom in symptoms(sick))
    call = blank(EDGES, caller="front", callee_namespace="shop", callee="cart")
    called = replace(sick, edges=pl.DataFrame([call], schema=EMPTY.edges.schema))
    assert not any(symptom.is_entry for symptom in symptoms(called))


def test_an_issue_opens_and_blames_nobody_and_a_gap_of_ours_says_nothing() -> None:
    sick = tables(low=2500, high=5000)
    _, seen = step(AnalysisState(), sick, None, frozenset(), settings=SETTINGS, now_unix_ns=70 * S)
    (issue,) = seen.issues
    assert (str(issue.service), issue.finding, issue.causes) == (
        "shop/cart",
        "no cause in view",
        (),
    )
    gap = Gap(start_unix_ns=0, end_unix_ns=S, reason="a restart")
    torn = replace(sick, gaps=gaps_table((gap,)))
    _, seen = step(AnalysisState(), torn, None, frozenset(), settings=SETTINGS, now_unix_ns=70 * S)
    assert seen.issues == ()
    assert {symptom.health for symptom in seen.symptoms} == {"unknown"}


def test_whoever_changed_most_in_the_cluster_is_not_the_cause_of_what_histograms_tell() -> None:
    sick = tables(low=2500, high=5000)
    state, seen = step(
        AnalysisState(), sick, None, frozenset(), settings=SETTINGS, now_unix_ns=70 * S
    )
    (issue,) = seen.issues
    statement = Statement(witness="behaviour", strength=1.0, evidence="slower than ever")
    bystander = Suspect(
        service=ServiceKey(namespace="bank", name="ledger"), score=0.9, statements=(statement,)
    )
    sure = Diagnosis(
        question=Question(onset_unix_ns=S, until_unix_ns=70 * S, issue_id=issue.id),
        finding="cause",
        suspects=(bystander,),
        confidence=0.9,
        margin=0.9,
        sentence="",
        request_count=100,
        usual_request_count=100,
    )
    for at_s in (75, 80, 85, 90):
        state, seen = step(
            state, sick, None, frozenset(), (sure,), settings=SETTINGS, now_unix_ns=at_s * S
        )
    (issue,) = seen.issues
    assert issue.state == "firing"
    assert (issue.finding, issue.causes) == ("no cause in view", ())
