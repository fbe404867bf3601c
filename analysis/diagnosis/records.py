"""Visits that only log records tell of: their spans were sampled away, or there never were any.

Records of one trace and one service are one visit. Who called whom is taken from the traces that
are there: the graph of services does not depend on which traces were kept.
"""

import polars as pl

from analysis.diagnosis.periods import Periods


def unseen_visits(spans: pl.DataFrame, logs: pl.DataFrame, periods: Periods) -> pl.DataFrame:
    """Return the visits of traces without spans, like those that spans show, with their `key` null.

    Columns: row (beyond those of `spans`), caller (row or null), trace, service, operation (empty),
    period, end_unix_ns.
    """
    no_trace = pl.col("trace") == pl.col("key")
    told = logs.filter(~no_trace).join(spans.select("trace"), on="trace", how="anti")
    first_row = (spans["row"].max() or 0) if spans.height else 0
    assert isinstance(first_row, int)
    visits = (
        told.group_by("trace", "service")
        .agg(end_unix_ns=pl.col("time_unix_ns").max())
        .sort("trace", pl.col("service").cast(pl.String))
        .with_row_index("row", offset=first_row + 1)
        .with_columns(
            operation=pl.lit("").cast(pl.Categorical),
            period=periods.number(pl.col("end_unix_ns")),
        )
        .filter(pl.col("period").is_not_null())
    )
    above = visits.join(_edges(spans), on="service").join(
        visits.select("trace", caller_service="service", caller="row"),
        on=["trace", "caller_service"],
    )
    callers = above.group_by("row").agg(pl.col("caller").min())
    return visits.join(callers, on="row", how="left")


def _edges(spans: pl.DataFrame) -> pl.DataFrame:
    """Who is called by whom: service, caller_service."""
    called = spans.filter("is_visit", pl.col("parent").is_not_null()).select("service", "parent")
    callers = spans.select(parent="row", caller_service="service")
    pairs = called.join(callers, on="parent").select("service", "caller_service").unique()
    return pairs.filter(pl.col("service") != pl.col("caller_service"))
