"""What a diagnosis is made from: rows of all signals around an onset; each may be missing."""

from dataclasses import dataclass

import polars as pl

from analysis.diagnosis.periods import Periods
from knowledge.identity import ServiceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Rows in the schemas of `knowledge.schemas.ROWS`, whole traces where they were sampled."""

    spans: pl.DataFrame | None = None
    logs: pl.DataFrame | None = None
    metrics: pl.DataFrame | None = None


def label() -> pl.Expr:
    """Return namespace and name of a service as one category, as all tables here name it."""
    parts = [pl.col("namespace").cast(pl.String), pl.col("service").cast(pl.String)]
    return pl.concat_str(parts, separator="/").cast(pl.Categorical).alias("service")


def key_of(label: str) -> ServiceKey:
    """Return the service that `label` names."""
    namespace, _, name = label.partition("/")
    return ServiceKey(namespace=namespace, name=name)


def records_of(logs: pl.DataFrame | None, until_unix_ns: int) -> pl.DataFrame | None:
    """Return log records as behaviour reads them: key, trace, service, template, severity, time."""
    if logs is None or not logs.height:
        return None
    trace = pl.col("trace_id").hash()
    return logs.filter(pl.col("time_unix_ns") < until_unix_ns).select(
        "template",
        "severity",
        "time_unix_ns",
        label(),
        key=trace ^ pl.col("span_id").hash(),
        trace=trace,
    )


def points_of(metrics: pl.DataFrame | None, periods: Periods) -> pl.DataFrame | None:
    """Return metric points as resources reads them: service, pod, name, value, period."""
    if metrics is None or not metrics.height:
        return None
    period = periods.number(pl.col("time_unix_ns"))
    return metrics.select("name", "value", label(), pod=pl.col("pod").cast(pl.String), period=period)
