"""Whose an edge's excess is."""

import pytest

from analysis.diagnosis.latency import Excess, shares


def _edge(caller: str, callee: str, *, is_slow: bool) -> Excess:
    return Excess(
        service=caller,
        callee=callee,
        excess_ms=100.0 if is_slow else 0.0,
        after_ms=200.0 if is_slow else 5.0,
        usual_ms=5.0,
        count=50,
        dominance=1.0 if is_slow else 0.0,
    )


def test_all_who_call_it_wait_so_it_is_the_callees() -> None:
    found = [_edge("a", "x", is_slow=True), _edge("b", "x", is_slow=True)]
    found.append(_edge("a", "y", is_slow=False))
    assert shares(found)["x"] == pytest.approx(1.0)


def test_what_neither_end_explains_is_half_of_each_ends() -> None:
    found = [
        _edge("a", "x", is_slow=True),
        _edge("b", "x", is_slow=False),
        _edge("a", "y", is_slow=False),
    ]
    assert shares(found) == pytest.approx({"a": 0.5, "x": 0.5, "b": 0.0, "y": 0.0})
