"""Blame: every millisecond and every failure belongs to exactly one service."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.descent import Descent, descend
from analysis.visits import link


def _descend(spans: Any) -> Descent:
    linked = link(spans.frame())
    return descend(linked, linked.visits.filter("is_entry"), weight=1.0)


def _failures(spans: Any) -> dict[str, float]:
    found = _descend(spans).failures
    return {r["service"]: r["failed_count"] for r in found.iter_rows(named=True)}


def _times(spans: Any) -> dict[str, float]:
    found = _descend(spans).times
    return {r["service"]: r["ms"] for r in found.iter_rows(named=True)}


def test_a_failure_ends_at_the_service_whose_calls_all_succeeded(spans: Any) -> None:
    root = spans.add("front", 0, 100, error=True)
    call = spans.add("front", 10, 70, kind=3, parent=root, error=True)
    middle = spans.add("middle", 15, 65, parent=call, error=True)
    call = spans.add("middle", 20, 60, kind=3, parent=middle, error=True)
    back = spans.add("back", 25, 55, parent=call, error=True)
    call = spans.add("back", 26, 27, kind=3, parent=back, peer="db")
    assert _failures(spans) == {"back": 1.0}


def test_a_call_that_nobody_answered_ends_at_the_callees_name(spans: Any) -> None:
    root = spans.add("front", 0, 100, error=True)
    spans.add("front", 10, 70, kind=3, parent=root, peer="dead", error=True)
    assert _failures(spans) == {"dead": 1.0}


def test_a_timeout_is_followed_to_the_one_that_was_waited_for(spans: Any) -> None:
    root = spans.add("front", 0, 100, error=True)
    call = spans.add("front", 0, 100, kind=3, parent=root, error=True)
    middle = spans.add("middle", 1, 99, parent=call)  # it answered, but too late
    call = spans.add("middle", 2, 98, kind=3, parent=middle)
    spans.add("slow", 3, 97, parent=call)
    assert _failures(spans) == {"slow": 1.0}


def test_a_failure_with_two_failed_calls_is_shared(spans: Any) -> None:
    root = spans.add("front", 0, 100, error=True)
    spans.add("front", 10, 40, kind=3, parent=root, peer="a", error=True)
    spans.add("front", 50, 70, kind=3, parent=root, peer="b", error=True)
    assert _failures(spans) == {"a": 0.5, "b": 0.5}


def test_a_failed_try_that_was_mended_by_a_retry_blames_nobody(spans: Any) -> None:
    root = spans.add("front", 0, 100, error=True)
    spans.add("front", 10, 20, kind=3, parent=root, peer="a", error=True)
    spans.add("front", 30, 40, kind=3, parent=root, peer="a")
    assert _failures(spans) == {"front": 1.0}


def test_calls_that_share_an_id_do_not_multiply(spans: Any) -> None:
    root = spans.add("front", 0, 100, error=True)
    call = spans.add("front", 10, 90, kind=3, parent=root, peer="a", error=True)
    loop = spans.add("a", 20, 80, parent=call, error=True)
    for _ in range(40):
        spans.add("a", 30, 70, kind=3, parent=loop, peer="a", error=True)
        spans.rows[-1]["span_id"] = call
    assert sum(_failures(spans).values()) == 1.0


def test_a_handled_failure_blames_nobody(spans: Any) -> None:
    root = spans.add("front", 0, 100)
    spans.add("front", 10, 40, kind=3, parent=root, peer="a", error=True)
    assert _failures(spans) == {}


def test_the_gap_between_caller_and_callee_is_the_callees(spans: Any) -> None:
    root = spans.add("front", 0, 100)
    call = spans.add("front", 0, 80, kind=3, parent=root)
    spans.add("back", 70, 80, parent=call)
    assert _times(spans) == {"front": 20, "back": 80}


def _grow(spans: Any, draw: Any, parent: bytes, start: int, end: int, depth: int) -> None:
    """Add random calls, parallel and nested, inside [start, end]."""
    for _ in range(draw(st.integers(0, 3)) if depth else 0):
        begin = draw(st.integers(start, end))
        stop = draw(st.integers(begin, end))
        peer = draw(st.sampled_from("abcde"))
        call = spans.add("x", begin, stop, kind=3, parent=parent, peer=peer)
        if draw(st.booleans()):
            visit = spans.add(peer, begin, stop, parent=call)
            _grow(spans, draw, visit, begin, stop, depth - 1)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_the_parts_of_a_request_sum_to_its_duration(new_spans: Any, data: Any) -> None:
    spans = new_spans()
    root = spans.add("front", 0, 1000)
    _grow(spans, data.draw, root, 0, 1000, 3)
    assert sum(_times(spans).values()) == pytest.approx(1000)
