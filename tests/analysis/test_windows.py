"""Windows: exact counts, ratios and quantiles, whatever the panes were."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.panes import Pane, build_pane
from analysis.windows import combine
from knowledge.windows import WindowTables

SECOND_NS = 10**9


def _pane(spans: Any, start_s: int, end_s: int, linked_max: int = 10**6) -> Pane:
    return build_pane(
        spans.slice(end_s),
        start_unix_ns=start_s * SECOND_NS,
        linked_span_count_max=linked_max,
    )


def _window(*panes: Pane) -> WindowTables:
    return combine(panes, start_unix_ns=panes[0].start_unix_ns, end_unix_ns=panes[-1].end_unix_ns)


def _nearest(values: list[float], quantile: float) -> float:
    return sorted(values)[round(quantile * (len(values) - 1))]


@given(
    durations=st.lists(st.integers(0, 3000), min_size=1, max_size=60),
    errors=st.lists(st.booleans(), min_size=60, max_size=60),
)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_figures_equal_a_plain_reference(
    new_spans: Any, durations: list[int], errors: list[bool]
) -> None:
    spans = new_spans()
    for index, duration in enumerate(durations):
        end = 4000 + 80 * index
        trace = index.to_bytes(16, "big")
        spans.add("front", end - duration, end, trace=trace, error=errors[index])
    tables = _window(_pane(spans, 0, 5), _pane(spans, 5, 10))
    (row,) = tables.services.iter_rows(named=True)
    failed = sum(errors[: len(durations)])
    assert row["span_count"] == len(durations)
    assert row["error_count"] == failed
    assert row["error_ratio"] == pytest.approx(failed / len(durations))
    assert row["latency_ms_mean"] == pytest.approx(sum(durations) / len(durations))
    assert row["latency_ms_p99"] in {
        _nearest(list(map(float, durations)), 0.99),
        sorted(durations)[min(len(durations) - 1, int(0.99 * (len(durations) - 1)) + 1)],
        sorted(durations)[int(0.99 * (len(durations) - 1))],
    }


def test_a_span_belongs_to_the_pane_that_it_ends_in(spans: Any) -> None:
    spans.add("front", 4000, 5500)
    assert _window(_pane(spans, 0, 5)).services.height == 0
    assert _window(_pane(spans, 5, 10)).services["span_count"].to_list() == [1]


def test_a_call_of_an_earlier_pane_still_explains_its_visit(spans: Any) -> None:
    root = spans.add("front", 1000, 6000)
    spans.add("front", 1000, 4000, kind=3, parent=root, peer="db")
    (row,) = _window(_pane(spans, 5, 10)).services.iter_rows(named=True)
    assert row["self_ms_mean"] == 2000


def test_a_span_that_comes_twice_counts_once_and_is_counted_as_a_duplicate(spans: Any) -> None:
    for _ in range(3):
        spans.add("front", 0, 10)
    spans.rows.append(spans.rows[0])
    pane = _pane(spans, 0, 5)
    assert _window(pane).services["span_count"].to_list() == [3]
    assert pane.duplicate_count == 1


def test_clients_are_not_requests_served(spans: Any) -> None:
    spans.add("batch", 0, 10, kind=3, peer="db")
    tables = _window(_pane(spans, 0, 5))
    assert tables.services.height == 0


def test_operations_and_instances_divide_a_service(spans: Any) -> None:
    spans.add("front", 0, 10, name="GET /a", pod="p1")
    spans.add("front", 0, 20, name="GET /b", pod="p2", version="2", error=True)
    tables = _window(_pane(spans, 0, 5))
    assert tables.operations["operation"].to_list() == ["GET /a", "GET /b"]
    assert tables.operations["error_ratio"].to_list() == [0.0, 1.0]
    rows = list(tables.instances.iter_rows(named=True))
    assert [(r["pod"], r["version"], r["own_error_count"]) for r in rows] == [
        ("p1", "1", 0),
        ("p2", "2", 1),
    ]


def test_exemplars_are_the_worst_traces_in_hex(spans: Any) -> None:
    for index in range(5):
        spans.add("front", 0, 10 * index, trace=bytes([index]) * 16)
    spans.add("front", 0, 1, trace=b"\xff" * 16, error=True)
    (row,) = _window(_pane(spans, 0, 5)).services.iter_rows(named=True)
    assert set(row["exemplars"]) == {"ff" * 16, "04" * 16, "03" * 16}


def test_an_empty_window_has_all_tables_in_their_schema(spans: Any) -> None:
    tables = _window(_pane(spans, 0, 5))
    again = WindowTables.from_blobs(0, 5, tables.as_blobs())
    assert again.services.height == 0


def test_a_sample_keeps_counts_exact_and_weighs_what_needs_links(spans: Any) -> None:
    for index in range(2000):
        trace = index.to_bytes(16, "big")
        root = spans.add("front", 0, 100, trace=trace, error=index % 2 == 0)
        spans.add("front", 10, 60, kind=3, parent=root, trace=trace, peer="db")
    tables = _window(_pane(spans, 0, 5, linked_max=1000))
    (row,) = tables.services.iter_rows(named=True)
    assert (row["span_count"], row["error_count"]) == (2000, 1000)
    assert row["self_ms_mean"] == 50
    assert row["entry_count"] == pytest.approx(2000, rel=0.15)
    assert row["own_error_count"] == pytest.approx(1000, rel=0.25)
    (edge,) = tables.edges.iter_rows(named=True)
    assert edge["call_count"] == pytest.approx(2000, rel=0.15)
