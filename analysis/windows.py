"""Panes to window tables: exact quantiles, ratios and counts.

Counts are sums over the panes, quantiles are of all requests of the window, not of the panes'
quantiles. No NaN can arise: durations are clamped at 0, and a group has at least one row.
"""

from typing import Final

import polars as pl
import pyarrow as pa

from analysis.panes import Pane
from analysis.quantiles import quantiles
from analysis.senders import SIDES, combined
from knowledge.schemas import BLAME, EDGES, INSTANCES, OPERATIONS, SENDERS, SERVICES
from knowledge.windows import WindowTables

EXEMPLAR_COUNT: Final = 3
_MS: Final = 1e6
_QUANTILES: Final = {"latency_ms_p50": 0.5, "latency_ms_p95": 0.95, "latency_ms_p99": 0.99}
_SERVICE: Final = ["namespace", "service"]
_ENTRY: Final = ["entry_namespace", "entry"]


def combine(panes: tuple[Pane, ...], *, start_unix_ns: int, end_unix_ns: int) -> WindowTables:
    """Return the tables of the window that `panes` make up."""
    if not panes:
        return WindowTables.empty(start_unix_ns, end_unix_ns)
    operations = pl.concat([pane.operations for pane in panes])
    linked = pl.concat([pane.linked for pane in panes])
    calls = pl.concat([pane.calls for pane in panes])
    window_s = (end_unix_ns - start_unix_ns) / 1e9
    return WindowTables(
        start_unix_ns=start_unix_ns,
        end_unix_ns=end_unix_ns,
        operations=_outcomes(operations, [*_SERVICE, "operation"]).pipe(
            _typed, OPERATIONS, [*_SERVICE, "operation"]
        ),
        services=_services(operations, linked, panes[-1].operations, window_s),
        edges=_edges(calls),
        blame=_blame(panes),
        senders=_typed(combined([pane.senders for pane in panes]), SENDERS, SIDES),
        instances=_instances(pl.concat([pane.instances for pane in panes]), linked),
    )


def _sums() -> list[pl.Expr]:
    return [
        pl.col("span_count").sum(),
        pl.col("error_count").sum(),
        (pl.col("duration_ns_sum").sum() / pl.col("span_count").sum() / _MS).alias(
            "latency_ms_mean"
        ),
    ]


def _outcomes(found: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Counts and quantiles per `keys` of rows that have sums and lists of durations."""
    table = found.group_by(keys).agg(_sums()).with_row_index("group")
    groups = found.join(table.select(*keys, "group"), on=keys, how="left", maintain_order="left")
    figures = quantiles(
        groups["group"].cast(pl.Int64).to_numpy(),
        found["durations_ns"].list.len().cast(pl.Int64).to_numpy(),
        found["durations_ns"].explode(empty_as_null=False).to_numpy(),
        tuple(_QUANTILES.values()),
    )
    return table.with_columns(
        (pl.col("error_count") / pl.col("span_count")).alias("error_ratio"),
        *(pl.Series(name, figures[:, column] / _MS) for column, name in enumerate(_QUANTILES)),
    )


def _services(
    operations: pl.DataFrame, linked: pl.DataFrame, newest: pl.DataFrame, window_s: float
) -> pl.DataFrame:
    exact = _outcomes(operations, _SERVICE).with_columns(
        (pl.col("span_count") / window_s).alias("arrival_per_s")
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
    own = own.with_columns(pl.col(_SERVICE).cast(pl.String), as_hex)
    table = exact.join(own, on=_SERVICE, how="left").join(_newest(newest), on=_SERVICE, how="left")
    filled = table.with_columns(pl.col("newest_count", "newest_ms_mean").fill_null(0))
    return _typed(filled, SERVICES, _SERVICE)


def _newest(operations: pl.DataFrame) -> pl.DataFrame:
    """Count and mean latency of one pane: what is asked now, of which a window knows the mean."""
    sums = pl.col("duration_ns_sum").sum() / pl.col("span_count").sum() / _MS
    return operations.group_by(_SERVICE).agg(
        newest_count=pl.col("span_count").sum(), newest_ms_mean=sums
    )


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


def _instances(instances: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    keys = [*_SERVICE, "version", "pod", "pod_uid"]
    own = linked.group_by(keys).agg(_weighed("is_own_error").alias("own_error_count"))
    own = own.with_columns(pl.col(keys).cast(pl.String))
    table = instances.group_by(keys).agg(_sums()).join(own, on=keys, how="left")
    return _typed(table.with_columns(pl.col("own_error_count").fill_null(0)), INSTANCES, keys)


def _typed(table: pl.DataFrame, schema: pa.Schema, sort_by: list[str]) -> pl.DataFrame:
    """The columns of `schema` in its order, rows in a fixed order."""
    return table.select(schema.names).sort(sort_by)
