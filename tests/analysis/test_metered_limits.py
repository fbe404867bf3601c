"""However many points, streams and names a sender makes up: what they cost is bounded."""

from typing import Any

import pyarrow as pa
import pytest

from analysis import increments, metered
from analysis.cardinality import Caps
from analysis.increments import Streams
from analysis.metered import Metered
from analysis.slices import Batch, TelemetrySlice
from knowledge.schemas import METRICS

S = 10**9


def point(time_s: int, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(METRICS.names) | {
        "time_unix_ns": time_s * S,
        "start_unix_ns": S,
        "name": "http.server.request.duration",
        "unit": "s",
        "is_old_name": False,
        "temporality": 2,
        "count": 1,
        "bounds": [1.0],
        "bucket_counts": [1, 0],
        "is_error": False,
        "resource_id": 1,
        "stream_id": 1,
        **dict.fromkeys(("namespace", "version", "pod", "pod_uid", "principal"), ""),
        "service": "cart",
        "is_verified": False,
    }
    return row | more


def part(rows: list[dict[str, Any]], *, end_s: int = 60) -> TelemetrySlice:
    table = pa.Table.from_pylist(rows, METRICS)
    batch = Batch(rows=table, oldest_unix_ns=0, newest_unix_ns=end_s * S - 1)
    return TelemetrySlice(
        signal="metrics", start_unix_ns=0, end_unix_ns=end_s * S, batches=(batch,)
    )


def test_processes_that_are_remembered_are_bounded_as_streams_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(increments, "STREAMS_MAX", 3)
    rows = [point(10 + n, resource_id=n, stream_id=n) for n in range(8)]
    state, _ = Streams().advance(rows, now_unix_ns=60 * S)
    assert sorted(process for process, _ in state.seen) == [5, 6, 7]
    assert sorted(stream for stream, _ in state.known) == [5, 6, 7]


def test_of_too_many_points_each_service_has_its_share_and_the_rest_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metered, "POINTS_MAX", 5)
    flood = [point(10, service="flood", stream_id=n) for n in range(100)]
    quiet = [point(20, service="quiet", stream_id=1000 + n, resource_id=2) for n in range(2)]
    state, table = Metered().advance(part([*flood, *quiet]), window_s=60)
    assert dict(table.select("service", "request_count").iter_rows()) == {"flood": 3, "quiet": 2}
    assert state.streams.counts["lost"] == 97


def test_of_too_many_increments_the_newest_are_held_and_the_rest_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metered, "INCREMENTS_MAX", 2)
    rows = [point(10 + n, resource_id=n, stream_id=n) for n in range(5)]
    state, _ = Metered().advance(part(rows), window_s=60)
    assert [one.resource_id for one in state.increments] == [3, 4]
    assert state.streams.counts["lost"] == 3
    state, _ = state.advance(part([point(20, resource_id=9, stream_id=9)]), window_s=60)
    assert [one.resource_id for one in state.increments] == [4, 9]
    assert state.streams.counts["lost"] == 4


def test_services_beyond_the_cap_share_one_row_the_most_frequent_keep_theirs() -> None:
    often = [point(10, service="cart", resource_id=n, stream_id=n) for n in range(9)]
    once = [point(10, service=f"job-{n}", resource_id=n, stream_id=n) for n in range(20, 26)]
    caps = Caps(services=1, operations=5)
    _, table = Metered().advance(part([*once, *often]), window_s=60, caps=caps)
    found = table.select("namespace", "service", "request_count").rows()
    assert found == [("", "(other)", 6), ("", "cart", 9)]
