"""Linking: which time and which failures are a visit's own."""

from typing import Any

import polars as pl

from analysis.visits import link


def _visit(linked: Any, service: str) -> dict[str, Any]:
    rows = [r for r in linked.visits.iter_rows(named=True) if r["service"] == service]
    assert len(rows) == 1
    return dict(rows[0])


def test_time_in_calls_is_not_a_visits_own(spans: Any) -> None:
    root = spans.add("front", 0, 100)
    call = spans.add("front", 10, 70, kind=3, parent=root, peer="back")
    spans.add("back", 15, 65, parent=call)
    linked = link(spans.frame())
    assert _visit(linked, "front")["self_ms"] == 40
    assert _visit(linked, "back")["self_ms"] == 50
    (row,) = linked.calls.iter_rows(named=True)
    assert (row["callee"], row["gap_ms"], row["tiled_ms"]) == ("back", 10, 60)


def test_parallel_calls_cover_their_union_and_the_last_to_end_counts_in_full(spans: Any) -> None:
    root = spans.add("front", 0, 100)
    spans.add("front", 10, 60, kind=3, parent=root, peer="a")
    spans.add("front", 20, 90, kind=3, parent=root, peer="b")
    linked = link(spans.frame())
    tiles = {r["callee"]: r["tiled_ms"] for r in linked.calls.iter_rows(named=True)}
    assert tiles == {"a": 10, "b": 70}
    assert _visit(linked, "front")["self_ms"] == 20


def test_a_call_made_in_inner_spans_belongs_to_the_visit_around_them(spans: Any) -> None:
    root = spans.add("front", 0, 100)
    outer = spans.add("front", 0, 90, kind=1, parent=root)
    inner = spans.add("front", 0, 80, kind=1, parent=outer)
    spans.add("front", 10, 60, kind=3, parent=inner, peer="db")
    linked = link(spans.frame())
    assert _visit(linked, "front")["self_ms"] == 50


def test_a_call_that_outlives_its_visit_covers_only_the_part_inside(spans: Any) -> None:
    root = spans.add("front", 0, 100)
    spans.add("front", 60, 500, kind=3, parent=root, peer="slow")
    assert _visit(link(spans.frame()), "front")["self_ms"] == 60


def test_an_error_with_a_failed_call_is_not_a_visits_own(spans: Any) -> None:
    root = spans.add("front", 0, 100, error=True)
    call = spans.add("front", 10, 70, kind=3, parent=root, peer="back", error=True)
    spans.add("back", 15, 65, parent=call, error=True)
    linked = link(spans.frame())
    assert not _visit(linked, "front")["is_own_error"]
    assert _visit(linked, "back")["is_own_error"]


def test_a_visit_without_a_parent_in_view_is_an_entry(spans: Any) -> None:
    spans.add("front", 0, 10)
    spans.add("other", 0, 10, parent=b"elsewhere", trace=b"u" * 16)
    linked = link(spans.frame())
    assert _visit(linked, "front")["is_entry"]
    assert _visit(linked, "other")["is_entry"]


def test_a_negative_duration_is_zero_and_not_huge(spans: Any) -> None:
    spans.add("front", 10, 5)
    assert _visit(link(spans.frame()), "front")["duration_ms"] == 0


def test_nothing_at_all_gives_empty_tables(spans: Any) -> None:
    linked = link(spans.frame())
    assert linked.visits.height == 0
    assert linked.calls.height == 0


def test_an_inner_span_that_is_its_own_parent_does_not_hang(spans: Any) -> None:
    own = len(spans.rows).to_bytes(8, "big")
    inner = spans.add("front", 0, 10, kind=1, parent=own)
    spans.add("front", 0, 10, kind=3, parent=inner, peer="db")
    assert link(spans.frame()).calls.height == 0


def test_the_same_spans_in_any_order_are_linked_the_same(spans: Any) -> None:
    for at in range(0, 2000, 100):
        root = spans.add("front", at, at + 60)
        for name in "abcd":  # none ends within the visit, so all end as one
            spans.add("front", at + 10, at + 70 + at % 7, kind=3, parent=root, peer=name)
    frame = spans.frame()
    told = {
        str(
            link(frame.sample(fraction=1, shuffle=True, seed=seed))
            .calls.group_by("callee")
            .agg(pl.col("tiled_ms").sum())
            .sort("callee")
            .rows()
        )
        for seed in range(8)
    }
    assert len(told) == 1
