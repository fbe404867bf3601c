"""What is remembered: bounded in rows and age, whole traces or none."""

from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from analysis.diagnosis import history
from analysis.slices import Batch, TelemetrySlice
from knowledge.schemas import ROWS

S = 10**9


def _slice(begin_s: int, end_s: int, per_s: int = 1) -> TelemetrySlice:
    """Traces of two spans each."""
    blank = dict.fromkeys(ROWS["traces"].names, "")
    rows: list[dict[str, Any]] = [
        blank
        | {
            "trace_id": (begin_s * 1000 + index + 1).to_bytes(16, "big"),
            "span_id": span.to_bytes(8, "big"),
            "parent_span_id": b"" if span == 1 else (1).to_bytes(8, "big"),
            "start_unix_ns": begin_s * S + index * S // per_s,
            "end_unix_ns": begin_s * S + index * S // per_s,
            "kind": 2,
            "is_error": False,
            "is_verified": False,
            "is_answered": False,
            "service": "front",
        }
        for index in range((end_s - begin_s) * per_s)
        for span in (1, 2)
    ]
    table = pa.table(
        {f.name: pa.array([r[f.name] for r in rows], f.type) for f in ROWS["traces"]},
        schema=ROWS["traces"],
    )
    batch = Batch(rows=table, oldest_unix_ns=begin_s * S, newest_unix_ns=end_s * S - 1)
    return TelemetrySlice(
        signal="traces", start_unix_ns=begin_s * S, end_unix_ns=end_s * S, batches=(batch,)
    )


def _known(past: history.History) -> pl.DataFrame:
    return past.telemetry((), since_unix_ns=0, until_unix_ns=10**6 * S).spans


def test_what_is_older_than_the_retention_is_forgotten() -> None:
    past = history.begin(now_unix_ns=0)
    for begin in (0, 10, 100):
        past = past.remember((_slice(begin, begin + 10),), rows_max=1000, retention_s=60.0)
    assert past.next_unix_ns == 110 * S
    assert _known(past)["end_unix_ns"].min() == 100 * S


def test_too_many_rows_are_halved_by_whole_traces() -> None:
    past = history.begin(now_unix_ns=0)
    for begin in range(0, 100, 10):
        past = past.remember((_slice(begin, begin + 10, 20),), rows_max=500, retention_s=600.0)
    spans = _known(past)
    assert 100 < spans.height <= 500
    assert set(spans.group_by("trace").len()["len"].to_list()) == {2}
    assert spans["end_unix_ns"].min() < 20 * S  # type: ignore[operator]


def test_rows_that_no_tick_took_in_yet_are_known_as_well() -> None:
    past = history.begin(now_unix_ns=0)
    told = past.telemetry((_slice(0, 10),), since_unix_ns=0, until_unix_ns=5 * S)
    assert told.spans.height == 10


def test_links_between_spans_survive() -> None:
    past = history.begin(now_unix_ns=0).remember((_slice(0, 1),), rows_max=9, retention_s=9.0)
    first, second = _known(past).sort("key").iter_rows(named=True)
    assert second["parent_key"] == first["key"] or first["parent_key"] == second["key"]


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_missing_signals_are_empty(signal: str) -> None:
    told = history.begin(now_unix_ns=0).telemetry((), since_unix_ns=0, until_unix_ns=1)
    assert getattr(told, signal).height == 0
