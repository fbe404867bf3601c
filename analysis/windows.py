"""Panes to window tables: exact quantiles, ratios and counts by polars.

Quantiles are of all requests of the window, not of the panes' quantiles. No NaN can arise:
durations are clamped at 0, and a group has at least one row.
"""

from typing import Final

import polars as pl
import pyarrow as pa

from analysis.panes import Pane
from knowledge.schemas import BLAME, EDGES, INSTANCES, OPERATIONS, SERVICES
from knowledge.windows import WindowTables

EXEMPLAR_COUNT: Final = 3
_SERVICE: Final = ["namespace", "service"]
_ENTRY: Final = ["entry_namespace", "entry"]


def combine(panes: tuple[Pane, ...], *, start_unix_ns: int, end_unix_ns: int) -> WindowTables:
    """Return the tables of the window that `panes` make up."""
    if not panes:
        return WindowTables.empty(start_unix_ns, end_unix_ns)
    visits = pl.concat([pane.visits for pane in panes])
    linked = pl.concat([pane.linked for pane in panes])
    calls = pl.concat([pane.calls for pane in panes])
    window_s = (end_unix_ns - start_unix_ns) / 1e9
    return WindowTables(
        start_unix_ns=start_unix_ns,
        end_unix_ns=end_unix_ns,
        operations=_operations(visits),
        services=_services(visits, linked, window_s),
        edges=_edges(calls),
        blame=_blame(panes),
        instances=_instances(visits, linked),
    )


def _counts() -> list[pl.Expr]:
    return [
        pl.len().cast(pl.Int64).alias("span_count"),
        pl.col("is_error").sum().cast(pl.Int64).alias("error_count"),
        pl.col("duration_ms").mean().alias("latency_ms_mean"),
    ]


def _outcomes() -> list[pl.Expr]:
    latency = pl.col("duration_ms")
    return [
        *_counts(),
        pl.col("is_error").mean().alias("error_ratio"),
        latency.quantile(0.5, "nearest").alias("latency_ms_p50"),
        latency.quantile(0.95, "nearest").alias("latency_ms_p95"),
        latency.quantile(0.99, "nearest").alias("latency_ms_p99"),
    ]


def _operations(visits: pl.DataFrame) -> pl.DataFrame:
    keys = [*_SERVICE, "name"]
    table = visits.group_by(keys).agg(_outcomes()).rename({"name": "operation"})
    return _typed(table, OPERATIONS, [*_SERVICE, "operation"])


def _services(visits: pl.DataFrame, linked: pl.DataFrame, window_s: float) -> pl.DataFrame:
    exact = visits.group_by(_SERVICE).agg(
        *_outcomes(), (pl.len() / window_s).alias("arrival_per_s")
    )
    worst = pl.struct("is_error", "duration_ms")
    own = linked.group_by(_SERVICE).agg(
        _weighed("is_entry").alias("entry_count"),
        pl.col("self_ms").mean().alias("self_ms_mean"),
        pl.col("self_ms").quantile(0.99, "nearest").alias("self_ms_p99"),
        _weighed("is_own_error").alias("own_error_count"),
        pl.col("trace_id").top_k_by(worst, EXEMPLAR_COUNT).alias("exemplars"),
    )
    as_hex = pl.col("exemplars").list.eval(pl.element().bin.encode("hex"))
    table = exact.join(own, on=_SERVICE, how="left").with_columns(as_hex)
    return _typed(table, SERVICES, _SERVICE)


def _weighed(flag: str) -> pl.Expr:
    """How many rows have `flag`, each counted as often as it stands for others."""
    return (pl.col(flag) * pl.col("weight")).sum().round().cast(pl.Int64)


def _edges(calls: pl.DataFrame) -> pl.DataFrame:
    keys = ["caller_namespace", "caller", "callee_namespace", "callee"]
    table = calls.group_by(keys).agg(
        call_count=pl.col("weight").sum().round().cast(pl.Int64),
        error_count=_weighed("is_error"),
        unanswered_count=pl.col("weight")
        .filter(~pl.col("is_answered"))
        .sum()
        .round()
        .cast(pl.Int64),
        latency_ms_p99=pl.col("duration_ms").quantile(0.99, "nearest"),
        gap_ms_mean=pl.col("gap_ms").mean(),
    )
    return _typed(table, EDGES, keys)


def _blame(panes: tuple[Pane, ...]) -> pl.DataFrame:
    times = pl.concat([pane.descent.times for pane in panes])
    failures = pl.concat([pane.descent.failures for pane in panes])
    tails = pl.concat([pane.descent.tails for pane in panes])
    keys = [*_ENTRY, *_SERVICE]
    slow = times.group_by(keys).agg(pl.col("ms").sum())
    failed = failures.group_by(keys).agg(pl.col("failed_count").sum())
    counts = tails.group_by(_ENTRY).agg(pl.col("tail_count").sum())
    table = (
        slow.join(failed, on=keys, how="full", coalesce=True)
        .join(counts, on=_ENTRY, how="left")
        .with_columns(
            tail_ms_per_request=(pl.col("ms") / pl.col("tail_count")).fill_null(0.0),
            failed_count=pl.col("failed_count").fill_null(0.0),
        )
    )
    return _typed(table, BLAME, keys)


def _instances(visits: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    keys = [*_SERVICE, "version", "pod", "pod_uid"]
    own = linked.group_by(keys).agg(_weighed("is_own_error").alias("own_error_count"))
    table = visits.group_by(keys).agg(_counts()).join(own, on=keys, how="left")
    return _typed(table.with_columns(pl.col("own_error_count").fill_null(0)), INSTANCES, keys)


def _typed(table: pl.DataFrame, schema: pa.Schema, sort_by: list[str]) -> pl.DataFrame:
    """The columns of `schema` in its order, labels as strings, rows in a fixed order."""
    labels = [name for name, kind in table.schema.items() if kind == pl.Categorical]
    return table.with_columns(pl.col(labels).cast(pl.String)).select(schema.names).sort(sort_by)
