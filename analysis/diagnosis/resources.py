"""What services use: CPU beyond what their usual use and today's requests explain.

Only CPU is judged. Memory, network and disk follow load and caches on scales that have nothing to
do with an onset; a leak has a detector of its own.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.diagnosis.periods import AFTER

SHARE_HALF: Final = 0.15
"""So much more of a limit (or, where none is known, of a core) is half convincing: less is what
collection of garbage, a cron job or a slow minute takes."""
SIGMA_MIN: Final = 3.0
LIMIT_METRICS: Final = (
    "k8s.pod.cpu_limit_utilization",
    "k8s.pod.cpu.limit_utilization",
    "k8s.container.cpu_limit_utilization",
    "container.cpu.limit_utilization",
)
CORE_METRICS: Final = (
    "k8s.pod.cpu.usage",
    "container.cpu.usage",
    "k8s.pod.cpu.utilization",
    "container.cpu.utilization",
    "process.cpu.utilization",
    "process.runtime.jvm.cpu.utilization",
    "jvm.cpu.recent_utilization",
)
"""Gauges of CPU as the kubelet, containers and runtimes report them, the most telling first.
Source: OpenTelemetry semantic conventions 1.44 and the kubeletstats receiver."""
CPU_METRICS: Final = (*LIMIT_METRICS, *CORE_METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """CPU of a service after the onset and usually, and how convincing the difference is."""

    service: str
    metric: str
    after: float
    usual: float
    strength: float


def uses(metrics: pl.DataFrame, growth: dict[str, float]) -> list[Use]:
    """Return the services whose CPU rose, the strongest first.

    `metrics`: slim points with their `period`. `growth`: requests after the onset over the usual
    ones, by service; what they explain of the rise does not count.
    """
    if not metrics.height:
        return []
    rank = {name: index for index, name in enumerate(CPU_METRICS)}
    cpu = metrics.filter(
        pl.col("name").cast(pl.String).is_in(list(rank)), pl.col("period").is_not_null()
    )
    after = pl.col("value").filter(pl.col("period") == AFTER)
    before = pl.col("value").filter(pl.col("period") != AFTER)
    table = (
        cpu.group_by(pl.col("service", "pod", "name").cast(pl.String))
        .agg(
            after=after.mean(),
            usual=before.median(),
            sigma=1.4826 * (before - before.median()).abs().median(),
        )
        .drop_nulls(["after", "usual"])
        .with_columns(rank=pl.col("name").replace_strict(rank, return_dtype=pl.Int64))
        .sort(
            "service", "rank", (pl.col("after") - pl.col("usual")), descending=[False, False, True]
        )
        .unique("service", keep="first", maintain_order=True)
    )
    found = [_use(row, growth.get(row["service"], 1.0)) for row in table.iter_rows(named=True)]
    return sorted((u for u in found if u.strength > 0), key=lambda u: (-u.strength, u.service))


def _use(row: dict[str, float | str], growth: float) -> Use:
    usual, after = float(row["usual"]), float(row["after"])
    more = after - usual * max(1.0, growth)
    if more < SIGMA_MIN * float(row["sigma"]):
        more = 0.0
    return Use(
        service=str(row["service"]),
        metric=str(row["name"]),
        after=after,
        usual=usual,
        strength=more**2 / (more**2 + SHARE_HALF**2) if more > 0 else 0.0,
    )
