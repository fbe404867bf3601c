"""What a diagnosis is made from: slim rows of all signals around an onset; each may be missing.

Slim rows have what a diagnosis reads and nothing else: ids as 64-bit hashes, names as categories. A
span takes some 60 bytes, so that half an hour of them can be held.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from knowledge.identity import ServiceKey
from knowledge.schemas import Signal

Columns = dict[str, pl.DataType]
SLIM: Final[dict[Signal, Columns]] = {
    "traces": {
        "trace": pl.UInt64(),
        "key": pl.UInt64(),  # of the span within all traces
        "parent_key": pl.UInt64(),
        "service": pl.Categorical(),  # namespace/name
        "pod": pl.Categorical(),
        "name": pl.Categorical(),
        "peer": pl.Categorical(),
        "kind": pl.UInt8(),
        "is_error": pl.Boolean(),
        "start_unix_ns": pl.Int64(),
        "end_unix_ns": pl.Int64(),
    },
    "logs": {
        "trace": pl.UInt64(),
        "key": pl.UInt64(),
        "service": pl.Categorical(),
        "template": pl.Categorical(),
        "severity": pl.UInt8(),
        "time_unix_ns": pl.Int64(),
    },
    "metrics": {
        "service": pl.Categorical(),
        "pod": pl.Categorical(),
        "name": pl.Categorical(),
        "value": pl.Float64(),
        "time_unix_ns": pl.Int64(),
    },
}

READ: Final[dict[Signal, list[str]]] = {
    "traces": [
        *("namespace", "service", "pod", "name", "peer", "kind", "is_error"),
        *("trace_id", "span_id", "parent_span_id", "start_unix_ns", "end_unix_ns"),
    ],
    "logs": [
        *("namespace", "service", "template", "severity", "time_unix_ns"),
        *("trace_id", "span_id"),
    ],
    "metrics": ["namespace", "service", "pod", "name", "value", "time_unix_ns"],
}
"""The columns of full rows that slim ones are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Slim rows, whole traces where they were sampled; empty where there is nothing."""

    spans: pl.DataFrame
    logs: pl.DataFrame
    metrics: pl.DataFrame


def slim(signal: Signal, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows of `knowledge.schemas.ROWS` as slim ones; points without a value fall out."""
    parts = [pl.col("namespace").cast(pl.String), pl.col("service").cast(pl.String)]
    columns = {"service": pl.concat_str(parts, separator="/")}
    if signal == "metrics":
        rows = rows.filter(pl.col("value").is_finite())
    else:
        trace = pl.col("trace_id").hash()
        columns |= {"trace": trace, "key": trace ^ pl.col("span_id").hash()}
        if signal == "traces":
            columns["parent_key"] = trace ^ pl.col("parent_span_id").hash()
    schema = SLIM[signal]
    made = (columns.get(name, pl.col(name)).alias(name) for name in schema)
    texts = (name for name, kind in schema.items() if kind == pl.Categorical)
    as_text = rows.with_columns(
        pl.col(name).cast(pl.String) for name in texts if name not in columns
    )
    return as_text.select(
        column.cast(kind) for column, kind in zip(made, schema.values(), strict=True)
    )


def empty(signal: Signal) -> pl.DataFrame:
    """Return no rows."""
    return pl.DataFrame(schema=SLIM[signal])


def key_of(label: str) -> ServiceKey:
    """Return the service that a slim row names."""
    namespace, _, name = label.partition("/")
    return ServiceKey(namespace=namespace, name=name)
