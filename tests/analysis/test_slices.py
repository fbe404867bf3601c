"""Slices: exactly the rows of their time, and a sample that keeps traces whole."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def _shop(spans: Any, traces: int) -> Any:
    for index in range(traces):
        trace = (index * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big")
        root = spans.add("front", 0, 10, trace=trace)
        spans.add("front", 1, 9, kind=3, parent=root, trace=trace)
    return spans


@given(end_ms=st.integers(0, 40))
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_a_part_since_some_time_has_the_rows_from_then_on(new_spans: Any, end_ms: int) -> None:
    spans = new_spans()
    for end in range(0, 40, 10):
        spans.add("front", 0, end)
    later = spans.slice(1).since(end_ms * 10**6)
    found = later.frame(["end_unix_ns"])["end_unix_ns"].to_list()
    assert found == [end * 10**6 for end in range(0, 40, 10) if end >= end_ms]


def test_only_the_columns_asked_for_are_read(spans: Any) -> None:
    spans.add("front", 0, 10)
    assert spans.slice(5).frame(["kind", "name"]).columns == ["kind", "name"]


def test_few_spans_are_all_taken_and_stand_for_themselves(spans: Any) -> None:
    frame, weight = _shop(spans, 50).slice(5).traces(100)
    assert (frame.height, weight) == (100, 1.0)


def test_of_many_spans_whole_traces_are_drawn_and_weighed(spans: Any) -> None:
    part = _shop(spans, 4000).slice(5)
    frame, weight = part.traces(1000)
    assert set(frame.group_by("trace_id").len()["len"]) == {2}
    assert 700 < frame.height < 1300
    assert abs(frame.height * weight / 8000 - 1) < 0.3
    again, _ = part.traces(1000)
    assert again["trace_id"].to_list() == frame["trace_id"].to_list()


def test_slices_of_other_sizes_draw_as_if_each_were_the_first(new_spans: Any) -> None:
    shared = _shop(new_spans(), 4000).slice(5)
    for count_max in (100, 1000, 10, 3000, 1):
        fresh = _shop(new_spans(), 4000).slice(5)
        assert shared.traces(count_max)[0].equals(fresh.traces(count_max)[0])


def test_a_slice_without_rows_is_a_frame_without_rows(spans: Any) -> None:
    spans.add("front", 0, 10)
    empty = spans.slice(5).since(4 * 10**9)
    assert empty.frame().height == 0
    assert empty.traces(10)[0].height == 0
