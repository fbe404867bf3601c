"""Who spoke just now, and how the calls to everybody ended: what tells the dead from the silent.

Calls are read from the callers' CLIENT spans alone, so that a callee that says nothing any more is
still in view under the name that its callers have for it.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from analysis.visits import VISIT_KINDS
from knowledge.schemas import RECENT

_CALL_KIND: Final = 3
_WHO: Final = ["namespace", "service", "peer"]
_COUNTS: Final = ["served_count", "call_count", "lost_count", "answered_count"]
_SCHEMA: Final = {
    **dict.fromkeys(_WHO, pl.String()),
    **dict.fromkeys(_COUNTS, pl.Int64()),
}


def recent_of(sample: pl.DataFrame, served: pl.DataFrame, in_pane: pl.Expr) -> pl.DataFrame:
    """Return the table of one pane.

    `sample`: spans of whole traces, the look-back included. `served`: namespace, service and
    span_count of all requests served in the pane.
    """
    calls = sample.filter(pl.col("kind") == _CALL_KIND, in_pane).select(
        "namespace",
        "peer",
        is_lost=pl.col("is_error") & ~pl.col("is_answered"),
        key=pl.col("trace_id").hash() ^ pl.col("span_id").hash(),
    )
    answers = sample.filter(pl.col("kind").is_in(VISIT_KINDS)).select(
        key=pl.col("trace_id").hash() ^ pl.col("parent_span_id").hash(),
        callee_namespace=pl.col("namespace").cast(pl.String),
        callee=pl.col("service").cast(pl.String),
    )
    joined = (
        calls.unique("key", keep="first")
        .join(answers.unique("key", keep="first"), on="key", how="left")
        .with_columns(pl.col("namespace", "peer").cast(pl.String))
    )
    called = (
        joined.group_by(
            namespace=pl.coalesce("callee_namespace", "namespace"),
            service=pl.col("callee").fill_null(""),
            peer=pl.col("peer"),
        )
        .agg(
            served_count=pl.lit(0, dtype=pl.Int64),
            call_count=pl.len().cast(pl.Int64),
            lost_count=pl.col("is_lost").sum().cast(pl.Int64),
            answered_count=pl.col("callee").is_not_null().sum().cast(pl.Int64),
        )
        .filter((pl.col("service") != "") | (pl.col("peer") != ""))
    )
    spoke = served.group_by("namespace", "service").agg(served_count=pl.col("span_count").sum())
    nothing = [pl.lit(0, dtype=pl.Int64).alias(name) for name in _COUNTS[1:]]
    spoke = spoke.with_columns(*nothing, peer=pl.lit(""))
    return pl.concat([spoke.select(list(_SCHEMA)), called.select(list(_SCHEMA))])


def together(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the table of all panes of a look, in a fixed order."""
    whole = pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])
    summed = whole.group_by(_WHO).agg(pl.col(_COUNTS).sum())
    return summed.select(RECENT.names).sort(_WHO)
