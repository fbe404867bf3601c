"""Where the users' excess time goes: own time of services, and gaps on the edges between them.

Each group of like times (own time of an operation, gap of an edge) is compared with its usual. What
counts is the part of the difference that is surely there (lower end of a one-sided 95 % interval
by Welch, Biometrika 34, 1947; of a few times, whose variance nobody knows, all but the longest if
they surely rank higher: Mann and Whitney, Annals of Mathematical Statistics 18, 1947), and that no
stretch before the onset shows; times the dominance of
the later times over the usual ones (Cliff, Psychological Bulletin 114, 1993: how much more often
one of them is the longer than the shorter), since a few stragglers raise a mean as well. Times the
weight that users waited with, per entry request, that is the part of the excess which would be gone
if the group were as usual.

An edge is not a service. Its excess belongs to the callee if the callee's other callers wait as
well (or it has none), and to the caller if its other calls wait as well (or, where it makes none,
those who call it): a node that is cut off or starved slows all its edges, a leaf only its own.
What neither explains altogether is divided by the odds: somewhere it must have come from.
"""

from dataclasses import dataclass
from math import exp
from typing import Any, Final

import polars as pl

from analysis.diagnosis.periods import AFTER, NEAR

Z_95_PERCENT: Final = 1.645
FEW: Final = 8
"""Below this many times their variance is not known well enough for an interval of their mean."""
COUNT_MIN: Final = 2
"""Of one time nothing is said: it may be a straggler."""
Z_RANK_MIN: Final = 2.33
"""One in a hundred by chance: so sure are ranks of later times being longer."""
STRETCH_SAMPLE_MIN: Final = 8
"""A stretch with fewer times is pooled with the others only."""
CAP_SIGMA: Final = 5.0
SIGMA_MIN: Final = 0.1
"""Usual times are capped this many robust standard deviations of their logarithm above the median,
so that an echo of earlier trouble does not become usual; 0.1 is 10 %, the least we call spread."""
FLOOR_MS: Final = 0.1
RATIO_MIN: Final = 1.5
"""An edge waits if it takes this many times as long as usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """What a group has beyond its usual, in ms per entry request; own time has no callee."""

    service: str
    callee: str | None
    excess_ms: float
    after_ms: float
    usual_ms: float
    count: int
    dominance: float


def excesses(spans: pl.DataFrame) -> list[Excess]:
    """Return what groups have beyond their usual, the largest first.

    `spans`: dissected, with their `period`.
    """
    requests = spans.filter(pl.col("period") == AFTER)["root"].n_unique()
    if not requests:
        return []
    spent = pl.col("own_ms") * pl.col("weight")
    own = (
        spans.filter(pl.col("callee").is_null())
        .group_by("visit", "period", "service", "operation")
        .agg(ms=pl.col("own_ms").sum(), spent_ms=spent.sum())
        .with_columns(callee=pl.lit(None, pl.String))
    )
    gaps = spans.filter(pl.col("callee").is_not_null()).select(
        "period",
        "service",
        pl.lit("").alias("operation"),
        ms="own_ms",
        spent_ms=spent,
        callee=pl.col("callee").cast(pl.String),
    )
    columns = ["period", "service", "operation", "callee", "ms", "spent_ms"]
    texts = [pl.col("service", "operation").cast(pl.String)]
    times = pl.concat(
        [own.with_columns(texts).select(columns), gaps.with_columns(texts).select(columns)]
    )
    return _summed(_compared(times, requests))


def _compared(times: pl.DataFrame, requests: int) -> list[dict[str, Any]]:
    group = ["service", "operation", "callee"]
    log = (pl.col("ms") + FLOOR_MS).log()
    usual = (
        times.filter(pl.col("period") != AFTER)
        .with_columns(log=log)
        .with_columns(centre=pl.col("log").median().over(group))
        .with_columns(sigma=1.4826 * (pl.col("log") - pl.col("centre")).abs().median().over(group))
        .with_columns(
            cap=(pl.col("centre") + CAP_SIGMA * pl.max_horizontal("sigma", pl.lit(SIGMA_MIN))).exp()
        )
        .with_columns(ms=pl.min_horizontal("ms", "cap"))
    )
    moments = [
        pl.len().alias("count"),
        pl.col("ms").mean().alias("mean"),
        pl.col("ms").var().alias("var"),
    ]
    pooled = usual.group_by(group).agg(moments)
    stretches = usual.group_by(*group, "period").agg(moments)
    highest = (
        stretches.filter(pl.col("period") != NEAR, pl.col("count") >= STRETCH_SAMPLE_MIN)
        .group_by(group)
        .agg(highest=pl.col("mean").max())
    )
    now = (
        _ranked(times, group)
        .group_by(group)
        .agg(
            *moments,
            without_longest=(pl.col("ms").sum() - pl.col("ms").max() + pl.col("ms").top_k(2).min())
            / pl.len(),
            weight=pl.col("spent_ms").sum() / pl.col("ms").sum(),
            rank=pl.col("rank").mean(),
        )
    )
    both = now.join(pooled, on=group, suffix="_usual", nulls_equal=True)
    both = both.join(highest, on=group, how="left", nulls_equal=True)
    error = (pl.col("var") / pl.col("count") + pl.col("var_usual") / pl.col("count_usual")).sqrt()
    surely = pl.col("mean") - pl.col("mean_usual") - Z_95_PERCENT * error
    above = (pl.col("rank") - (pl.col("count") + 1) / 2) / pl.col("count_usual")
    dominance = (2 * above - 1).clip(0, 1)
    pairs = pl.col("count") * pl.col("count_usual")
    z_rank = dominance * (3 * pairs / (pl.col("count") + pl.col("count_usual") + 1)).sqrt()
    surely = pl.max_horizontal(
        surely,
        pl.when(z_rank >= Z_RANK_MIN, pl.col("count") < FEW).then(
            pl.col("without_longest") - pl.col("mean_usual")
        ),
    )
    unlike_any = pl.col("mean") - pl.coalesce("highest", "mean_usual")
    per_request = dominance * pl.col("count") * pl.col("weight") / requests
    enough = (pl.col("count") >= COUNT_MIN) & (pl.col("count_usual") >= COUNT_MIN)
    return (
        both.filter(enough)
        .with_columns(
            excess_ms=pl.min_horizontal(surely, unlike_any).clip(0).fill_nan(0.0) * per_request,
            dominance=dominance,
        )
        .sort("excess_ms", *group, descending=[True, False, False, False])
        .to_dicts()
    )


def _ranked(times: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """The times after the onset, with their rank among those before it as well."""
    ranked = times.with_columns(rank=pl.col("ms").rank("average").over(group))
    return ranked.filter(pl.col("period") == AFTER)


def _summed(rows: list[dict[str, Any]]) -> list[Excess]:
    """Operations of a service put together; the ones without excess do not dilute the others."""
    found: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["service"], row["callee"]), []).append(row)
    sums = [
        Excess(
            service=service,
            callee=callee,
            excess_ms=sum(row["excess_ms"] for row in group),
            after_ms=group[0]["mean"],
            usual_ms=group[0]["mean_usual"],
            count=sum(row["count"] for row in group),
            dominance=group[0]["dominance"],
        )
        for (service, callee), group in found.items()
    ]
    return sorted(sums, key=lambda e: (-e.excess_ms, e.service, e.callee or ""))


def shares(found: list[Excess]) -> dict[str, float]:
    """Return the part of the excess that each service would take away with it, in [0, 1].

    The parts of several services may overlap: an edge can be the fault of either end.
    """
    whole = sum(e.excess_ms for e in found)
    if whole <= 0:
        return {}
    part: dict[str, float] = {}
    edges = [e for e in found if e.callee is not None]
    for excess in found:
        if excess.callee is None:
            part[excess.service] = part.get(excess.service, 0.0) + excess.excess_ms
            continue
        others_in = [e for e in edges if e.callee == excess.callee and e is not excess]
        others_out = [e for e in edges if e.service == excess.service and e is not excess]
        callee = _waiting(others_in) if others_in else 1.0
        others = others_out or [e for e in edges if e.callee == excess.service]
        caller = _waiting(others) if others else 0.0
        if callee + caller < 1.0:
            callee, caller = _of_one(callee, caller)
        part[excess.callee] = part.get(excess.callee, 0.0) + callee * excess.excess_ms
        part[excess.service] = part.get(excess.service, 0.0) + caller * excess.excess_ms
    return {service: min(1.0, ms / whole) for service, ms in part.items()}


def _of_one(callee: float, caller: float) -> tuple[float, float]:
    """Divide what one of two must be to blame for, by the odds; half each if there are none."""
    whole = callee + caller
    return (callee / whole, caller / whole) if whole > 0 else (0.5, 0.5)


def _waiting(edges: list[Excess]) -> float:
    """The share of calls, by how many there are, that go over edges that wait."""
    calls = sum(e.count for e in edges)
    waits = (e.count * e.dominance for e in edges if e.after_ms >= RATIO_MIN * e.usual_ms)
    return sum(waits) / calls


def usual_request_ms(spans: pl.DataFrame) -> float:
    """Return how long an entry request usually takes: the geometric mean, to mind no outliers."""
    roots = spans.filter(pl.col("period") != AFTER, pl.col("row") == pl.col("root"))
    mean = roots.select((pl.col("duration_ms") + FLOOR_MS).log().mean()).item()
    return exp(mean) if mean is not None else 0.0
