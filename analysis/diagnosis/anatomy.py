"""Each span of a trace taken apart: what was its own, what lay between it and whom it called.

A visit is one request served by a service: the first span of it below another service's (or below
none), and every SERVER or CONSUMER span. Children tile the time of their parent from its end
backwards (CRISP, Zhang et al., USENIX ATC 2022), so each moment of a root span belongs to exactly
one span below it; `weight` is the part of a span's time that its root waited for. What no child
covers is the span's own; on a span whose child lives in another service, it is the gap of that
edge: network, queue, whatever the callee does not see.

Rows are numbered; links between spans are row numbers, followed by pointer doubling.
"""

from typing import Final

import polars as pl

from analysis.tiling import taken_from
from analysis.visits import VISIT_KINDS

_MS: Final = 1e6
_DOUBLINGS: Final = 6
"""Follows links over 2^6 levels; deeper spans keep the link that far up."""


def dissect(spans: pl.DataFrame) -> pl.DataFrame:
    """Take apart slim spans of whole traces; a span that came twice counts once.

    Returns one row a span: row, parent (row or null), root, visit, key, trace, service, operation
    (of its visit), name, kind, peer, callee (the other service it waits for, else null),
    start/end_unix_ns, duration_ms, own_ms, weight, is_error, is_visit.
    """
    return _followed(_tiled(_linked(spans)))


def _linked(spans: pl.DataFrame) -> pl.DataFrame:
    """Rows with the row of their parent, and whether a visit begins with them."""
    keyed = spans.unique("key", keep="first", maintain_order=True).with_row_index("row")
    parents = keyed.select(
        parent_key="key",
        parent="row",
        parent_service="service",
        parent_start="start_unix_ns",
        parent_end="end_unix_ns",
    )
    linked = keyed.join(parents, on="parent_key", how="left", maintain_order="left")
    linked = linked.with_columns(parent=pl.when(pl.col("parent") != pl.col("row")).then("parent"))
    crosses = pl.col("service") != pl.col("parent_service")
    is_visit = pl.col("parent").is_null() | crosses | pl.col("kind").is_in(VISIT_KINDS)
    return linked.with_columns(is_visit=is_visit, crosses=crosses.fill_null(value=False))


def _tiled(linked: pl.DataFrame) -> pl.DataFrame:
    """Rows with their tile of their parent's time, and their own time that no child covers."""
    begins = pl.max_horizontal("start_unix_ns", "parent_start")
    ends = pl.min_horizontal("end_unix_ns", "parent_end")
    children = (
        linked.filter(pl.col("parent").is_not_null())
        .select("row", "parent", "service", "crosses", begins=begins, ends=ends)
        .sort("parent", "ends", "row", descending=[False, True, False])
    )
    later = taken_from(children["parent"], children["begins"])
    tile_ms = (pl.min_horizontal("ends", later) - pl.col("begins")).clip(0) / _MS
    children = children.with_columns(tile_ms=tile_ms)
    covered = children.group_by("parent").agg(
        covered_ms=pl.col("tile_ms").sum(),
        callee=pl.col("service").filter(pl.col("crosses")).first(),
    )
    duration_ms = (pl.col("end_unix_ns") - pl.col("start_unix_ns")).clip(0) / _MS
    return (
        linked.with_columns(duration_ms=duration_ms)
        .join(children.select("row", "tile_ms"), on="row", how="left", maintain_order="left")
        .join(covered, left_on="row", right_on="parent", how="left", maintain_order="left")
        .with_columns(
            own_ms=(pl.col("duration_ms") - pl.col("covered_ms").fill_null(0.0)).clip(0),
            share=pl.when(pl.col("parent").is_null())
            .then(1.0)
            .when(pl.col("duration_ms") > 0)
            .then(pl.col("tile_ms") / pl.col("duration_ms"))
            .otherwise(0.0),
        )
    )


def _followed(tiled: pl.DataFrame) -> pl.DataFrame:
    """Rows with their root, their visit and their weight, which links lead to."""
    row = tiled["row"]
    up = pl.select(pl.coalesce(tiled["parent"], row)).to_series()
    visit = pl.select(pl.when(tiled["is_visit"]).then(row).otherwise(up)).to_series()
    weight = tiled["share"]
    for _ in range(_DOUBLINGS):
        visit = visit.gather(visit)
        # a root points at itself with a share of 1: going round there changes nothing
        weight = (
            weight
            * pl.select(pl.when(up == row).then(1.0).otherwise(weight.gather(up))).to_series()
        )
        up = up.gather(up)
    return tiled.select(
        "row",
        "parent",
        "key",
        "trace",
        "service",
        "name",
        "kind",
        "callee",
        "peer",
        "start_unix_ns",
        "end_unix_ns",
        "duration_ms",
        "own_ms",
        "is_error",
        "is_visit",
        root=up,
        visit=visit,
        weight=weight,
        operation=tiled["name"].gather(visit),
    )
