"""Names are told apart up to a limit; beyond it nothing is lost but the name."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from analysis.baselines import Baselines
from analysis.cardinality import OTHER, Caps, folded
from analysis.entries import Entries
from analysis.panes import build_pane
from analysis.windows import combine

S = 10**9
NAMES = st.sampled_from([f"n{index}" for index in range(12)])


def _found(rows: list[tuple[str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"namespace": "shop", "service": service, "name": name, "span_count": count}
            for service, name, count in rows
        ],
        schema={
            **dict.fromkeys(["namespace", "service", "name"], pl.String()),
            "span_count": pl.Int64(),
        },
    )


@given(
    rows=st.lists(st.tuples(NAMES, NAMES, st.integers(1, 50)), max_size=60),
    services=st.integers(1, 12),
    operations=st.integers(1, 12),
)
def test_caps_hold_and_no_request_is_lost(
    rows: list[tuple[str, str, int]], services: int, operations: int
) -> None:
    found = _found(rows)
    kept, count = folded(found, Caps(services=services, operations=operations))
    assert kept["span_count"].sum() == found["span_count"].sum()
    assert kept.filter(pl.col("name") == OTHER)["span_count"].sum() == count
    named = kept.filter(pl.col("service") != OTHER)
    assert named["service"].n_unique() <= services
    per_service = (
        named.filter(pl.col("name") != OTHER).group_by("service").agg(pl.col("name").n_unique())
    )
    assert all(n <= operations for n in per_service["name"])


def test_the_most_frequent_keep_their_names() -> None:
    rows = [("cart", f"GET /{index}", 1) for index in range(50)]
    kept, count = folded(
        _found([*rows, ("cart", "POST /items", 9)]), Caps(services=5, operations=3)
    )
    assert "POST /items" in kept["name"].to_list()
    assert count == 48


def test_a_flood_of_names_is_one_row_of_the_window(spans: Any) -> None:
    for index in range(300):
        spans.add("cart", 0, 10, trace=index.to_bytes(16, "big"), name=f"GET /item/{index}")
    for index in range(50):
        spans.add("cart", 0, 10, trace=(1000 + index).to_bytes(16, "big"), name="GET /cart")
    pane = build_pane(
        spans.slice(5),
        start_unix_ns=0,
        linked_span_count_max=10**6,
        caps=Caps(services=10, operations=4),
    )
    tables = combine((pane,), start_unix_ns=0, end_unix_ns=5 * S)
    operations = dict(tables.operations.select("operation", "span_count").iter_rows())
    assert operations.pop("GET /cart") == 50
    assert operations[OTHER] == 297
    assert len(operations) == 4
    assert tables.services["span_count"].to_list() == [350]
    assert pane.folded_count == 297


def test_kinds_of_request_are_capped_too() -> None:
    settled = pl.DataFrame(
        {
            "service": ["shop/web"] * 30,
            "request": [f"GET /{index}" for index in range(20)] + ["GET /often"] * 10,
            "end_unix_ns": [100 * S] * 30,
            "duration_ms": [1.0] * 30,
        }
    )
    _, table = Entries().advance(
        settled, settled.clear(), start_unix_ns=90 * S, window_ns=60 * S, request_count_max=3
    )
    assert table.height == 4
    assert sum(len(row) for row in table["durations_ms"]) == 30


def test_baselines_let_the_stalest_series_go() -> None:
    baselines = Baselines()
    for name in ("a", "b", "a", "c"):
        baselines = baselines.learn([((name,), 1.0)], count_max=5, series_max=2)
    assert set(baselines.series) == {("a",), ("c",)}
