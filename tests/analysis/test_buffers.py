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
        table,
        now_unix_ns=int(now_s * SECOND_NS),
        watermark_unix_ns=int(watermark_s * SECOND_NS),
    )


def _table(new_spans: Any, end_s: float, count: int = 1) -> pa.Table:
    spans = new_spans()
    for _ in range(count):
        spans.add("front", 0, end_s * 1000)
    return spans.table()


def test_a_slice_has_exactly_the_rows_of_its_time(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, retention_s=60)
    for end_s in (1, 2, 3):
        assert _add(buffers, _table(new_spans, end_s)) == "kept"
    found = buffers.slice("traces", 2 * SECOND_NS, 3 * SECOND_NS).frame()
    assert found["end_unix_ns"].to_list() == [2 * SECOND_NS]


def test_rows_older_than_the_retention_go_and_younger_ones_stay(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, retention_s=60)
    _add(buffers, _table(new_spans, 1))
    _add(buffers, _table(new_spans, 50))
    buffers.trim(100 * SECOND_NS)
    found = buffers.slice("traces", 0, 10**12).frame()
    assert found["end_unix_ns"].to_list() == [50 * SECOND_NS]
    buffers.trim(1000 * SECOND_NS)
    assert buffers.size_bytes == 0


def test_full_buffers_refuse_and_count_it(new_spans: Any) -> None:
    table = _table(new_spans, 1, count=200)
    size = table.get_total_buffer_size()
    buffers = Buffers(bytes_max=10 * size, retention_s=60)
    answers = [_add(buffers, table) for _ in range(12)]
    assert answers == ["kept"] * 10 + ["full"] * 2
    assert buffers.size_bytes == 10 * size
    counts = buffers.counts("traces")
    assert (counts.rows, counts.refused_frames) == (2000, 2)
    assert buffers.slice("traces", 0, 10**12).frame().height == counts.rows


def test_rows_that_are_let_go_are_really_gone(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, retention_s=60)
    table = _table(new_spans, 1)
    gone = weakref.ref(table)
    buffers.add("traces", table, now_unix_ns=0, watermark_unix_ns=0)
    del table
    assert gone() is not None
    buffers.trim(10**12)
    assert gone() is None


def test_late_and_future_rows_are_counted(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, retention_s=600)
    _add(buffers, _table(new_spans, 5), now_s=30, watermark_s=20)
    _add(buffers, _table(new_spans, 3600), now_s=30, watermark_s=20)
    counts = buffers.counts("traces")
    assert (counts.rows, counts.late_rows, counts.future_rows) == (2, 1, 1)


def test_a_row_from_the_far_future_does_not_make_data_fresh_for_ever(new_spans: Any) -> None:
    buffers = Buffers(bytes_max=2**20, retention_s=600)
    _add(buffers, _table(new_spans, 10**6), now_s=0)
    (traces, *_) = buffers.freshness(300 * SECOND_NS)
    assert traces.age_s == 300
    _add(buffers, _table(new_spans, 350), now_s=300)  # a clock that runs ahead hides no silence
    (traces, *_) = buffers.freshness(340 * SECOND_NS)
    assert traces.age_s == 40


def test_freshness_is_unknown_before_the_first_row() -> None:
    buffers = Buffers(bytes_max=2**20, retention_s=600)
    assert [(f.age_s, f.rows) for f in buffers.freshness(5)] == [(None, 0)] * 3


def test_rows_of_another_schema_are_a_bug_that_is_named() -> None:
    buffers = Buffers(bytes_max=2**20, retention_s=600)
    with pytest.raises(SchemaError, match="column 5"):
        _add(buffers, SPANS.empty_table().drop_columns(["kind"]))
