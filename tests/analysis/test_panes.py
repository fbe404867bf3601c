"""A pane of very many rows is read in pieces: it says the same, in the memory of one of them."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analysis import panes
from analysis.panes import Pane, build_pane
from analysis.slices import Batch, TelemetrySlice


def _in_batches(part: TelemetrySlice, rows_each: int) -> TelemetrySlice:
    (whole,) = part.batches
    rows = whole.rows
    tables = [rows.slice(at, rows_each) for at in range(0, rows.num_rows, rows_each)]
    return replace(part, batches=tuple(replace(whole, rows=table) for table in tables))


def _spans(spans: Any) -> TelemetrySlice:
    for index in range(40):
        service = ("front", "cart", "pay")[index % 3]
        spans.add(
            service,
            index,
            100 + 7 * index % 90,
            pod=f"p{index % 2}",
            error=index % 5 == 0,
            principal="who" if index % 4 else "",
        )
    spans.rows += [spans.rows[0], spans.rows[1], spans.rows[39]]  # sent again, much later
    part = spans.slice(5)
    assert isinstance(part, TelemetrySlice)
    return part


def _built(part: TelemetrySlice) -> Pane:
    return build_pane(part, start_unix_ns=0, linked_span_count_max=10**6)


def _same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    lists = [name for name, kind in one.schema.items() if isinstance(kind, pl.List)]
    sort = [frame.with_columns(pl.col(lists).list.sort()) for frame in (one, other)]
    assert_frame_equal(*sort, check_row_order=False)


@pytest.mark.parametrize("piece_rows", [1, 5, 42, 43, 1000])
def test_pieces_come_to_the_same_as_the_whole(
    spans: Any, monkeypatch: pytest.MonkeyPatch, piece_rows: int
) -> None:
    part = _spans(spans)
    whole = _built(part)
    monkeypatch.setattr(panes, "PIECE_ROWS", piece_rows)
    pieces = _built(_in_batches(part, 3))
    assert pieces.duplicate_count == whole.duplicate_count == 3
    _same(pieces.operations, whole.operations)
    _same(pieces.instances, whole.instances)
    sums = [
        pane.senders.group_by("service", "principal").agg(pl.col("span_count").sum())
        for pane in (pieces, whole)
    ]
    _same(*sums)


def test_traces_that_do_not_reach_into_the_pane_change_nothing(spans: Any) -> None:
    root = spans.add("front", 0, 5500)  # its call ended before the pane, and explains it
    spans.add("front", 0, 4000, kind=3, parent=root, peer="db")
    reaching_only = _late(spans.slice(10))
    for index in range(50):
        spans.add("old", 0, 1000 + index, trace=bytes([index]) * 16)
    for one, other in zip(_frames(_late(spans.slice(10))), _frames(reaching_only), strict=True):
        _same(one, other)
    assert reaching_only.linked["self_ms"].to_list() == [1500.0]


def test_a_pane_without_rows_reads_none_of_before_it(spans: Any) -> None:
    spans.add("front", 0, 1000)
    pane = _late(spans.slice(10))
    assert [frame.height for frame in _frames(pane)] == [0, 0, 0, 0]


def _late(part: TelemetrySlice) -> Pane:
    return build_pane(part, start_unix_ns=5 * 10**9, linked_span_count_max=10**6)


def _frames(pane: Pane) -> list[pl.DataFrame]:
    return [pane.operations, pane.linked, pane.calls, pane.recent]


def test_a_slice_is_read_in_pieces_of_whole_batches(spans: Any) -> None:
    part = _in_batches(_spans(spans), 10)
    counts = [[b.rows.num_rows for b in piece.batches] for piece in part.pieces(20)]
    assert counts == [[10, 10], [10, 10], [3]]
    assert [piece.batches for piece in replace(part, batches=()).pieces(20)] == [()]
    assert all(isinstance(batch, Batch) for piece in part.pieces(1) for batch in piece.batches)
