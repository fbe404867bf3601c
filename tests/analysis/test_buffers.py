"""Buffers: bounded, counted, and nothing young is ever dropped."""

import weakref
from typing import Any

import pyarrow as pa
import pytest

from analysis.buffers import Buffers
from knowledge.schemas import SPANS, SchemaError

SECOND_NS = 10**9


def _add(buffers: Buffers, table: pa.Table, *, now_s: float = 0, watermark_s: float = 0) -> str:
    return buffers.add(
        "traces",
        table.drop_columns(["attributes"]),
        table.select(["attributes"]),
        now_unix_ns=int(now_s * SECOND_NS),
        watermark_unix_ns=int(watermark_s * SECOND_NS),
    )


def _table(new_spans: Any, end_s: float, count: int = 1, attribute: bytes = b"") -> pa.Table:
    spans = new_spans()
    for _ in range(count):
        spans.add("front", 0, end_s * 1000)
        spans.rows[-1]["attributes"] = [attribute]
    return spans.table()


def test_a_slice_has_exactly_the_rows_of_its_time(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, attribute_bytes_max=2**20, retention_s=60)
    for end_s in (1, 2, 3):
        assert _add(buffers, _table(new_spans, end_s)) == "kept"
    found = buffers.slice("traces", 2 * SECOND_NS, 3 * SECOND_NS).frame()
    assert found["end_unix_ns"].to_list() == [2 * SECOND_NS]


def test_rows_older_than_the_retention_go_and_younger_ones_stay(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, attribute_bytes_max=2**20, retention_s=60)
    _add(buffers, _table(new_spans, 1))
    _add(buffers, _table(new_spans, 50))
    buffers.trim(100 * SECOND_NS)
    found = buffers.slice("traces", 0, 10**12).frame()
    assert found["end_unix_ns"].to_list() == [50 * SECOND_NS]
    buffers.trim(1000 * SECOND_NS)
    assert buffers.size_bytes == 0


def _sizes(table: pa.Table) -> tuple[int, int]:
    """Bytes of the rows, and of their attributes."""
    rows, attributes = table.drop_columns(["attributes"]), table.select(["attributes"])
    return rows.get_total_buffer_size(), attributes.get_total_buffer_size()


def test_full_buffers_drop_attributes_first_and_only_then_refuse(new_spans: Any) -> None:
    table = _table(new_spans, 1, count=200, attribute=b"x" * 1000)
    rows, attributes = _sizes(table)
    bound = 10 * rows + attributes
    buffers = Buffers(bytes_max=bound, attribute_bytes_max=2**30, retention_s=60)
    answers = []
    for _ in range(40):
        answers.append(_add(buffers, table))
        assert buffers.size_bytes <= bound
    counts = buffers.counts("traces")
    assert counts.dropped_attribute_rows > 0
    kept = bound // rows
    assert answers == ["kept"] * kept + ["full"] * (40 - kept)
    assert counts.refused_frames == 40 - kept
    assert counts.rows == 200 * kept
    assert buffers.slice("traces", 0, 10**12).frame().height == counts.rows


def test_attributes_of_the_newest_rows_are_held_within_their_own_bound(new_spans: Any) -> None:
    table = _table(new_spans, 1, count=10, attribute=b"x" * 1000)
    rows, attributes = _sizes(table)
    buffers = Buffers(bytes_max=2**30, attribute_bytes_max=2 * attributes, retention_s=60)
    for _ in range(5):
        _add(buffers, table)
    assert buffers.size_bytes == 5 * rows + 2 * attributes
    assert buffers.counts("traces").dropped_attribute_rows == 30
    buffers.trim(10**12)
    assert buffers.size_bytes == 0


def test_rows_that_are_let_go_are_really_gone(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, attribute_bytes_max=2**20, retention_s=60)
    table = _table(new_spans, 1).drop_columns(["attributes"])
    gone = weakref.ref(table)
    empty = _table(new_spans, 1).select(["attributes"])
    buffers.add("traces", table, empty, now_unix_ns=0, watermark_unix_ns=0)
    del table
    assert gone() is not None
    buffers.trim(10**12)
    assert gone() is None


def test_late_and_future_rows_are_counted(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, attribute_bytes_max=2**20, retention_s=600)
    _add(buffers, _table(new_spans, 5), now_s=30, watermark_s=20)
    _add(buffers, _table(new_spans, 3600), now_s=30, watermark_s=20)
    counts = buffers.counts("traces")
    assert (counts.rows, counts.late_rows, counts.future_rows) == (2, 1, 1)


def test_a_row_from_the_far_future_does_not_make_data_fresh_for_ever(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, attribute_bytes_max=2**20, retention_s=600)
    _add(buffers, _table(new_spans, 10**6), now_s=0)
    (traces, *_) = buffers.freshness(300 * SECOND_NS)
    assert traces.age_s == 240


def test_freshness_is_unknown_before_the_first_row() -> None:
    buffers = Buffers(bytes_max=2**20, attribute_bytes_max=2**20, retention_s=600)
    assert [(f.age_s, f.rows) for f in buffers.freshness(5)] == [(None, 0)] * 3


def test_rows_of_another_schema_are_a_bug_that_is_named() -> None:
    buffers = Buffers(bytes_max=2**20, attribute_bytes_max=2**20, retention_s=600)
    with pytest.raises(SchemaError, match="column 5"):
        _add(buffers, SPANS.empty_table().drop_columns(["kind"]))
