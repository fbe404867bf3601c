"""From points to windows: resets, duplicates, gaps, both temporalities, old and new names."""

from collections.abc import Iterable
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.histograms import quantile_ms
from analysis.increments import Increment, Streams
from analysis.metered import INTERVAL_S_MAX, Metered
from analysis.slices import Batch, TelemetrySlice
from knowledge.schemas import METRICS

S = 10**9
DELTA, CUMULATIVE = 1, 2
BOUNDS = [0.1, 1.0]
NAME = "http.server.request.duration"


def point(time_s: float, counts: list[int], **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(METRICS.names) | {
        "time_unix_ns": int(time_s * S),
        "start_unix_ns": S,
        "name": NAME,
        "unit": "s",
        "is_old_name": False,
        "temporality": CUMULATIVE,
        "count": sum(counts),
        "bounds": BOUNDS,
        "bucket_counts": counts,
        "is_error": False,
        "resource_id": 1,
        "stream_id": 1,
        **dict.fromkeys(("namespace", "version", "pod", "pod_uid", "principal"), ""),
        "service": "cart",
        "is_verified": False,
    }
    return row | more


def advance(rows: Iterable[dict[str, Any]], *, at_s: float = 100) -> list[Increment]:
    ordered = sorted(rows, key=lambda row: row["time_unix_ns"])
    _, found = Streams().advance(ordered, now_unix_ns=int(at_s * S))
    return found


def told(found: list[Increment]) -> list[tuple[float, float, int]]:
    return [(i.begin_unix_ns / S, i.end_unix_ns / S, i.histogram.count) for i in found]


def test_cumulative_points_add_their_difference() -> None:
    found = advance([point(10, [1, 0, 0]), point(20, [3, 1, 0]), point(30, [3, 1, 0])])
    assert told(found) == [(1, 10, 1), (10, 20, 3), (20, 30, 0)]
    assert found[1].histogram.counts == {0: 2, 1: 1}


def test_delta_points_add_themselves() -> None:
    rows = [
        point(10, [1, 0, 0], temporality=DELTA),
        point(20, [0, 2, 0], temporality=DELTA, start_unix_ns=10 * S),
        point(40, [0, 3, 0], temporality=DELTA, start_unix_ns=30 * S),
    ]
    assert told(advance(rows)) == [(1, 10, 1), (10, 20, 2), (30, 40, 3)]


def test_a_reset_counts_from_zero_whether_or_not_the_start_tells_of_it() -> None:
    restarted = [point(10, [5, 0, 0]), point(20, [2, 0, 0], start_unix_ns=15 * S)]
    assert told(advance(restarted)) == [(1, 10, 5), (15, 20, 2)]
    silently = [point(10, [5, 0, 0]), point(20, [2, 0, 0])]
    assert told(advance(silently)) == [(1, 10, 5), (10, 20, 2)]
    state, _ = Streams().advance(silently, now_unix_ns=20 * S)
    assert state.counts["reset"] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"unit": "ms"},
        {"bounds": [0.2, 2.0]},
        {"bounds": None, "scale": 3, "bucket_offset": 0, "zero_count": 0},
    ],
)
def test_another_unit_or_shape_under_the_same_start_is_no_reset(other: dict[str, Any]) -> None:
    """Two histograms that swap their places do not add their lifetimes with each swap."""
    rows = [point(10 + n, [5, n, 0], **(other if n % 2 else {})) for n in range(9)]
    state, found = Streams().advance(rows, now_unix_ns=100 * S)
    assert told(found) == [(1, 10, 5)]
    assert (state.counts["unknown"], state.counts["reset"]) == (8, 0)
    fallen = [point(10, [5, 0, 0]), point(20, [2, 0, 0], **other)]
    assert told(advance(fallen)) == [(1, 10, 5), (10, 20, 2)]


def test_two_processes_that_cannot_be_told_apart_by_their_attributes_are_by_their_start() -> None:
    rows = [
        point(time, [count, 0, 0], start_unix_ns=start * S)
        for time, start, count in [(10, 1, 100), (11, 2, 5), (20, 1, 110), (21, 2, 6)]
    ]
    assert told(advance(rows))[2:] == [(10, 20, 10), (11, 21, 1)]


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
def test_the_same_point_again_adds_nothing(temporality: int) -> None:
    rows = [point(10, [1, 0, 0], temporality=temporality)] * 3
    assert told(advance(rows)) == [(1, 10, 1)]


def test_a_stream_that_is_new_in_a_process_that_is_known_began_after_its_last_points() -> None:
    rows = [
        point(50, [9, 0, 0]),
        point(60, [9, 0, 0]),
        point(60, [0, 0, 4], stream_id=2, is_error=True),
        point(60, [0, 0, 5], stream_id=3, resource_id=2),
    ]
    assert sorted(told(advance(rows))) == [(1, 50, 9), (1, 60, 5), (50, 60, 0), (50, 60, 4)]


def test_what_was_counted_since_nobody_knows_when_adds_nothing() -> None:
    rows = [
        point(10, [7, 0, 0], start_unix_ns=0),
        point(20, [8, 0, 0], start_unix_ns=0),
        point(20, [7, 0, 0], start_unix_ns=0, stream_id=2),
        point(20, [7, 0, 0], start_unix_ns=0, stream_id=3, temporality=DELTA),
    ]
    assert told(advance(rows)) == [(10, 20, 1)]


batches = st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=8)
"""Per export the buckets that requests fell into."""


@given(batches, st.lists(st.booleans(), min_size=8, max_size=8), st.integers(0, 7))
def test_both_temporalities_lose_and_invent_nothing(
    exports: list[list[int]], repeated: list[bool], restart: int
) -> None:
    """Whatever is sent twice, and whenever the process starts anew."""
    totals, start = [0, 0, 0], S
    cumulative, deltas = [], []
    for number, requests in enumerate(exports):
        time = 10 + 10 * number
        counts = [requests.count(bucket) for bucket in range(3)]
        if number == restart:
            totals, start = [0, 0, 0], (time - 5) * S
        totals = [one + more for one, more in zip(totals, counts, strict=True)]
        begin = max(start, (time - 10) * S) if number else start
        sent = 1 + repeated[number % 8]
        cumulative += [point(time, totals, start_unix_ns=start)] * sent
        deltas += [point(time, counts, start_unix_ns=begin, temporality=DELTA)] * sent
    wanted = sum(map(len, exports))
    for rows in (cumulative, deltas):
        found = advance(rows)
        assert sum(one.histogram.count for one in found) == wanted
        p99 = quantile_ms([one.histogram for one in found], 0.99)
        assert (p99 is None) == (wanted == 0)


def window(rows: list[dict[str, Any]], *, end_s: float = 60, window_s: float = 60) -> pl.DataFrame:
    table = pa.Table.from_pylist(rows, METRICS)
    part = TelemetrySlice(
        signal="metrics",
        start_unix_ns=0,
        end_unix_ns=int(end_s * S),
        batches=(Batch(rows=table, oldest_unix_ns=0, newest_unix_ns=int(end_s * S) - 1),),
    )
    return Metered().advance(part, window_s=window_s)[1]


def test_a_window_tells_of_each_service() -> None:
    rows = [
        point(20, [99, 0, 0], sum=9.9, max=0.1),
        point(40, [198, 0, 1], sum=24.8, max=5.0),
        point(40, [0, 4, 0], stream_id=2, is_error=True, sum=2.0, exemplar=b"t" * 16, max=0.6),
        point(40, [10, 0, 0], stream_id=3, resource_id=3, service="back"),
    ]
    back, cart = window(rows).iter_rows(named=True)
    assert (cart["request_count"], cart["error_count"]) == (203, 4)
    assert cart["error_ratio"] == 4 / 203
    assert (cart["latency_ms_p99_low"], cart["latency_ms_p99_high"]) == (100, 1000)
    assert cart["latency_ms_mean"] == pytest.approx(26_800 / 203, abs=1e-5)
    assert cart["covered_s"] == 39
    assert cart["request_per_s"] == pytest.approx(203 / 39)
    assert cart["exemplars"] == [(b"t" * 16).hex()]
    assert back["request_count"] == 10
    assert back["latency_ms_mean"] is None


def test_an_increment_counts_until_the_next_one_is_due_and_no_longer() -> None:
    rows = [point(10, [1, 0, 0]), point(70, [5, 0, 0])]
    assert window(rows, end_s=100, window_s=20)["request_count"].to_list() == [4]
    assert window(rows, end_s=159, window_s=20)["request_count"].to_list() == [4]
    assert window(rows, end_s=161, window_s=20).is_empty()


def test_what_was_counted_over_hours_says_nothing_of_now() -> None:
    late = INTERVAL_S_MAX + 2
    assert window([point(late, [5, 0, 0])], end_s=late + 1).is_empty()


@pytest.mark.parametrize("old_first", [True, False])
def test_what_is_told_under_both_names_counts_once(*, old_first: bool) -> None:
    new = point(20, [3, 0, 1])
    old = point(20, [3, 0, 1], is_old_name=True, stream_id=2, unit="ms", bounds=[100.0, 1000.0])
    other = old | {"stream_id": 4, "resource_id": 4}
    rows = [old, new, other] if old_first else [new, other, old]
    found = window(rows)
    assert found["request_count"].to_list() == [8], "an old process beside a new one counts"


@given(batches)
def test_old_and_new_units_make_the_same_window(exports: list[list[int]]) -> None:
    def rows(*, is_old: bool) -> list[dict[str, Any]]:
        scale = 1e3 if is_old else 1.0
        return [
            point(
                10 + number,
                [requests.count(bucket) for bucket in range(3)],
                temporality=DELTA,
                is_old_name=is_old,
                unit="ms" if is_old else "s",
                bounds=[bound * scale for bound in BOUNDS],
                sum=sum(0.123 * scale for _ in requests),
                max=7.0 * scale,
            )
            for number, requests in enumerate(exports)
        ]

    old, new = window(rows(is_old=True)), window(rows(is_old=False))
    assert old.equals(new, null_equal=True)


def test_points_that_are_no_durations_are_not_looked_at() -> None:
    gauge = point(20, [1, 0, 0], stream_id=None, value=3.0)
    assert window([gauge]).is_empty()
    assert Metered().advance(None, window_s=60)[1].is_empty()
