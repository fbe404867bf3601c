"""What authenticated senders say of a service: it itself, and apart from it those that call it.

Only what a principal may speak for counts, each on its own side: a server's spans of its service,
a caller's spans of the caller's. Whom a call went to is what a verified answer says, else what the
caller calls it: anybody can claim to have answered. So two principals that say the same of one
service have seen it from two ends.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

SIDES: Final = ["namespace", "service", "role", "principal"]
SIDES_MAX: Final = 10_000
"""Rows of a window, the largest: who may speak for all could make up any number of names."""

_SUMS: Final = ["span_count", "error_count", "duration_ms_sum"]
_SCHEMA: Final = {
    **dict.fromkeys(SIDES, pl.String),
    "span_count": pl.Int64,
    "error_count": pl.Int64,
    "duration_ms_sum": pl.Float64,
}


def told_by_servers(served: pl.DataFrame) -> pl.DataFrame:
    """Return the sums per service and principal of requests, with start and end."""
    if not served["is_verified"].any():
        return pl.DataFrame(schema=_SCHEMA)
    duration_ms = (pl.col("end_unix_ns") - pl.col("start_unix_ns")).clip(0) / 1e6
    own = served.filter("is_verified").select(
        "namespace",
        "service",
        pl.lit("server").alias("role"),
        "principal",
        "is_error",
        duration_ms=duration_ms,
        weight=pl.lit(1.0),
    )
    return _summed(own)


def told_by_callers(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the sums per service called and principal of rows of `Pane.calls`."""
    if not calls["is_verified"].any():
        return pl.DataFrame(schema=_SCHEMA)
    theirs = calls.filter("is_verified", pl.col("told") != "").select(
        pl.col("told_namespace").alias("namespace"),
        pl.col("told").alias("service"),
        pl.lit("caller").alias("role"),
        "principal",
        "is_error",
        "duration_ms",
        "weight",
    )
    return _summed(theirs)


def combined(panes: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of knowledge.schemas.SENDERS of a window, from those of its panes."""
    sums = pl.concat(panes).group_by(SIDES).agg(pl.col(_SUMS).sum())
    sums = sums.sort("span_count", *SIDES, descending=[True, *(False for _ in SIDES)])
    sums = sums.head(SIDES_MAX)
    return sums.with_columns(
        latency_ms_mean=pl.col("duration_ms_sum") / pl.col("span_count").clip(1)
    )


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    weight = pl.col("weight")
    return (
        rows.with_columns(pl.col(SIDES).cast(pl.String))
        .group_by(SIDES)
        .agg(
            span_count=weight.sum().round().cast(pl.Int64),
            error_count=(weight * pl.col("is_error")).sum().round().cast(pl.Int64),
            duration_ms_sum=(weight * pl.col("duration_ms")).sum(),
        )
    )
