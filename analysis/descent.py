"""From what users felt down to where it came from: slow and failed entry requests, level by level.

Slow requests: each visit keeps its own time, each call hands its tile of the time down, so that the
parts of a request sum to its duration. Failed requests: a failure goes down the failed calls; where
none failed, it ends. A call that nobody answered ends at the callee's name.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.visits import Linked

DEPTH_MAX: Final = 16
TAIL_QUANTILE: Final = 0.9
_BLAME: Final = ["entry_namespace", "entry", "namespace", "service"]
_TEXT: Final = dict.fromkeys(_BLAME, pl.String)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """Sums over the entry requests of a pane, to be added over the panes of a window.

    times: entry_namespace, entry, namespace, service, ms. failures: the same with `failed_count`.
    tails: entry_namespace, entry, tail_count (how many slow requests the times are of).
    """

    times: pl.DataFrame
    failures: pl.DataFrame
    tails: pl.DataFrame


def descend(linked: Linked, entries: pl.DataFrame, *, weight: float) -> Descent:
    """Descend from `entries`, the entry visits of a pane, through `linked`.

    `weight`: how many requests each of them stands for.
    """
    who = ["namespace", "service", "name"]  # a fast operation's slow ones count beside a slow one's
    slow = entries.filter(
        pl.col("duration_ms") >= pl.col("duration_ms").quantile(TAIL_QUANTILE).over(who)
    )
    failed = entries.filter("is_error")
    tails = slow.group_by(
        entry_namespace=pl.col("namespace").cast(pl.String), entry=pl.col("service").cast(pl.String)
    ).agg(tail_count=pl.len() * weight)
    return Descent(
        times=_times(_within(linked, slow), _frontier(slow, weight)),
        failures=_failures(_within(linked, failed), _frontier(failed, weight)),
        tails=tails,
    )


def _within(linked: Linked, entries: pl.DataFrame) -> Linked:
    """Only the traces of `entries`: all joins below stay small."""
    visits = linked.visits.join(entries.select("trace_id").unique(), on="trace_id", how="semi")
    visits = visits.with_columns(pl.col("namespace", "service").cast(pl.String))
    calls = linked.calls.join(visits, left_on="owner_key", right_on="key", how="semi")
    return Linked(visits=visits, calls=calls)


def _frontier(entries: pl.DataFrame, weight: float) -> pl.DataFrame:
    return entries.select(
        entry_namespace=pl.col("namespace").cast(pl.String),
        entry=pl.col("service").cast(pl.String),
        key="key",
        weight=pl.lit(weight),
    )


def _times(linked: Linked, frontier: pl.DataFrame) -> pl.DataFrame:
    parts = []
    own = linked.visits.select("key", "namespace", "service", "self_ms")
    calls = linked.calls.select(
        "child_key",
        "gap_ms",
        "tiled_ms",
        key="owner_key",
        namespace="callee_namespace",
        service="callee",
        share=(pl.col("tiled_ms") / pl.col("duration_ms")).fill_nan(0.0),
    )
    for _ in range(DEPTH_MAX):
        if not frontier.height:
            break
        here = frontier.join(own, on="key")
        parts.append(here.select(*_BLAME, ms=pl.col("weight") * pl.col("self_ms")))
        out = frontier.join(calls, on="key")
        between = pl.coalesce(pl.col("share") * pl.col("gap_ms"), "tiled_ms")
        parts.append(out.select(*_BLAME, ms=pl.col("weight") * between))
        frontier = out.filter(pl.col("child_key").is_not_null()).select(
            "entry_namespace",
            "entry",
            key="child_key",
            weight=pl.col("weight") * pl.col("share"),
        )
    return _summed(parts, "ms")


def _failures(linked: Linked, frontier: pl.DataFrame) -> pl.DataFrame:
    parts = []
    own = linked.visits.select("key", "namespace", "service", "is_error", "self_ms", "duration_ms")
    calls = linked.calls.select(
        "child_key",
        "duration_ms",
        key="owner_key",
        callee_namespace="callee_namespace",
        callee="callee",
        is_failed="is_failed",
    )
    for depth in range(DEPTH_MAX):
        if not frontier.height:
            break
        here = frontier.join(own, on="key")
        followed = _followed(here, calls) if depth < DEPTH_MAX - 1 else calls.clear()
        ends = here.join(followed, on="key", how="anti")
        parts.append(ends.select(*_BLAME, failed_count="weight"))
        split = pl.col("weight") / pl.len().over("entry_namespace", "entry", "key")
        down = frontier.join(followed, on="key").with_columns(weight=split)
        silent = down.filter(pl.col("child_key").is_null())
        parts.append(
            silent.select(
                "entry_namespace",
                "entry",
                namespace="callee_namespace",
                service="callee",
                failed_count="weight",
            )
        )
        frontier = down.filter(pl.col("child_key").is_not_null()).select(
            "entry_namespace", "entry", "weight", key="child_key"
        )
    return _summed(parts, "failed_count")


def _followed(here: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls that a failure is followed into.

    The failed ones; and where a visit itself did not fail (its caller gave up waiting) and mostly
    waited, the one it waited for longest.
    """
    failed = calls.filter("is_failed").join(here, on="key", how="semi")
    waiting = here.filter(~pl.col("is_error"), pl.col("self_ms") < 0.5 * pl.col("duration_ms"))
    waited = calls.join(waiting, on="key", how="semi").join(failed, on="key", how="anti")
    order = ("duration_ms", "callee_namespace", "callee", "child_key")
    longest = waited.sort(order, descending=[True, False, False, False]).unique(
        "key", keep="first", maintain_order=True
    )
    return pl.concat([failed, longest])


def _summed(parts: list[pl.DataFrame], column: str) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame(schema={**_TEXT, column: pl.Float64})
    return pl.concat(parts).group_by(_BLAME).agg(pl.col(column).sum()).sort(_BLAME)
