"""Scores of timelines and rankings, by hand."""

from pathlib import Path
from typing import Any

from bench.rca.recording import Fault, Recording
from bench.rca.score import accuracy, average_at_5, bootstrap, chance, rank_of, score_detection

NS = 10**9


def _recording(*starts: float) -> Recording:
    return Recording(
        path=Path("x"),
        system="s",
        start_unix_s=0.0,
        end_unix_s=3600.0,
        is_gapless=True,
        faults=tuple(
            Fault(kind="k", service="a", start_unix_s=s, end_unix_s=s + 180, is_target=True)
            for s in starts
        ),
    )


def _entry(at_s: int, *issues: tuple[str, str]) -> dict[str, Any]:
    return {
        "now_unix_ns": at_s * NS,
        "issues": [
            {"id": name, "state": state, "service": "a", "plan": None} for name, state in issues
        ],
    }


def test_an_issue_opens_when_it_is_first_shown_firing() -> None:
    timeline = [_entry(1000, ("i", "pending")), _entry(1040, ("i", "firing")), _entry(1100)]
    found = score_detection(_recording(1000.0), timeline)
    assert found.delays_s == {0: 40.0}
    assert found.false_openings == ()


def test_an_issue_outside_every_fault_is_false() -> None:
    found = score_detection(_recording(1000.0), [_entry(900, ("i", "firing"))])
    assert found.delays_s == {0: None}
    assert [o.issue_id for o in found.false_openings] == ["i"]


def test_an_issue_that_was_open_before_a_fault_does_not_find_it() -> None:
    timeline = [_entry(900, ("i", "firing")), _entry(1010, ("i", "firing"))]
    assert score_detection(_recording(1000.0), timeline).delays_s == {0: None}


def test_rankings() -> None:
    ranks = [1, 3, None, 1]
    assert accuracy(ranks, 1) == 0.5
    assert accuracy(ranks, 3) == 0.75
    assert average_at_5(ranks) == (0.5 + 0.5 + 0.75 * 3) / 5
    assert rank_of("b", ["a", "b"]) == 2
    assert rank_of("c", ["a", "b"]) is None
    assert chance([10, 10], 1) == 0.1
    low, high = bootstrap(ranks, lambda r: accuracy(r, 1))
    assert low <= 0.5 <= high
