"""Events of Kubernetes that came in: what the cluster says of pods and workloads by itself."""

from typing import Final

import polars as pl

from analysis.slices import TelemetrySlice
from knowledge.schemas import EVENTS

EVENTS_MAX: Final = 1_000
"""Of one look; of more, the newest."""
WARNING: Final = 13
"""The least severity (OTLP) of what Kubernetes calls a warning."""
_TEXTS: Final = ("reason", "object_namespace", "object_kind", "object_name", "template")


def events_of(logs: TelemetrySlice | None) -> pl.DataFrame:
    """Return the events among the records, in the schema EVENTS, oldest first."""
    empty = pl.from_arrow(EVENTS.empty_table())
    assert isinstance(empty, pl.DataFrame)
    if logs is None:
        return empty
    rows = logs.frame(["time_unix_ns", "severity", *_TEXTS]).with_columns(
        pl.col(_TEXTS).cast(pl.String)
    )
    found = rows.filter(pl.col("reason") != "").select(
        "time_unix_ns",
        pl.col("object_namespace").alias("namespace"),
        "object_kind",
        "object_name",
        "reason",
        pl.col("template").alias("text"),
        is_warning=pl.col("severity") >= WARNING,
    )
    return found.sort(found.columns).tail(EVENTS_MAX) if found.height else empty
