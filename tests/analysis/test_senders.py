"""What authenticated senders say, each of its own side; what nobody vouches for is left out."""

from typing import Any

from analysis.panes import build_pane
from analysis.windows import combine

SECOND_NS = 10**9


def senders(spans: Any) -> list[tuple[Any, ...]]:
    pane = build_pane(spans.slice(5), start_unix_ns=0, linked_span_count_max=10**6)
    return combine((pane, pane), start_unix_ns=0, end_unix_ns=5 * SECOND_NS).senders.rows()


def test_both_ends_of_a_call_are_told_apart(spans: Any) -> None:
    root = spans.add("front", 0, 100, principal="web-team")
    call = spans.add("front", 10, 90, kind=3, parent=root, peer="back", principal="web-team")
    spans.add("back", 20, 80, parent=call, error=True, principal="back-team")
    assert senders(spans) == [
        ("shop", "back", "caller", "web-team", 2, 0, 80.0),
        ("shop", "back", "server", "back-team", 2, 2, 60.0),
        ("shop", "front", "server", "web-team", 2, 0, 100.0),
    ]


def test_what_nobody_vouches_for_is_left_out(spans: Any) -> None:
    root = spans.add("front", 0, 100)
    spans.add("front", 10, 90, kind=3, parent=root, peer="back")
    assert senders(spans) == []


def test_an_answer_that_nobody_vouches_for_does_not_say_whom_a_call_went_to(spans: Any) -> None:
    root = spans.add("front", 0, 100, principal="web-team")
    call = spans.add("front", 10, 90, kind=3, parent=root, peer="back", principal="web-team")
    spans.add("victim", 20, 80, parent=call, error=True)
    told = {(service, role) for _, service, role, *_ in senders(spans)}
    assert told == {("back", "caller"), ("front", "server")}
