"""What pods use of what they may: the newest reading of each, from gauges of CPU and memory.

Old and new names of the kubelet's and the runtimes' metrics are read alike (OpenTelemetry semantic
conventions 1.44, kubeletstats receiver); of several readings of a pod the largest counts, because
one container at its limit is enough.
"""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from analysis.diagnosis.resources import LIMIT_METRICS
from analysis.slices import TelemetrySlice
from knowledge.schemas import USAGE

MEMORY_RATIO_METRICS: Final = (
    "k8s.pod.memory_limit_utilization",
    "k8s.pod.memory.limit_utilization",
    "k8s.container.memory_limit_utilization",
    "k8s.container.memory.limit.utilization",
    "container.memory.limit_utilization",
)
MEMORY_BYTES_METRICS: Final = (
    "k8s.pod.memory.working_set",
    "container.memory.working_set",
    "process.memory.usage",
)
CPU_RATIO_METRICS: Final = (*LIMIT_METRICS, "k8s.container.cpu.limit.utilization")
STALE_S: Final = 180.0
"""Three scrapes of a minute: a pod of which nothing was heard for so long is not judged."""
_KIND: Final = {
    **dict.fromkeys(CPU_RATIO_METRICS, "cpu_ratio"),
    **dict.fromkeys(MEMORY_RATIO_METRICS, "memory_ratio"),
    **dict.fromkeys(MEMORY_BYTES_METRICS, "memory_bytes"),
}
_POD: Final = ["namespace", "service", "pod"]
_READ: Final = [*_POD, "name", "value", "time_unix_ns"]
_ROWS: Final = {**dict.fromkeys([*_POD, "kind"], pl.String()), "value": pl.Float64()}
_SCHEMA: Final = {**_ROWS, "time_unix_ns": pl.Int64()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The newest reading of each pod and kind; a value, replaced by each tick."""

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SCHEMA))

    def advance(self, metrics: TelemetrySlice | None) -> tuple["Usage", pl.DataFrame]:
        """Take new points in; return the usage table as of the end of the slice."""
        if metrics is None:
            return self, _table(self.rows)
        points = metrics.frame(_READ)
        kinds = pl.col("name").replace_strict(_KIND, default=None, return_dtype=pl.String)
        new = (
            points.filter(pl.col("value").is_finite(), pl.col("pod").cast(pl.String) != "")
            .with_columns(pl.col(_POD).cast(pl.String), kind=kinds)
            .drop_nulls("kind")
            .select(list(_SCHEMA))
        )
        horizon = metrics.end_unix_ns - int(STALE_S * 1e9)
        newest = (
            pl.concat([self.rows, new])
            .filter(pl.col("time_unix_ns") >= horizon)
            .sort("time_unix_ns", "value")
            .unique([*_POD, "kind"], keep="last", maintain_order=True)
        )
        return Usage(rows=newest), _table(newest)


def _table(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a pod, in the schema of USAGE."""

    def reading(kind: str) -> pl.Expr:
        return pl.col("value").filter(pl.col("kind") == kind).max().alias(kind)

    kinds = [reading(kind) for kind in ("cpu_ratio", "memory_ratio", "memory_bytes")]
    table = rows.group_by(_POD).agg(pl.col("time_unix_ns").max(), *kinds)
    return table.select(USAGE.names).sort(_POD)
