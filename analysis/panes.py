"""One pane: the shortest step of the windows, computed once from its spans and then kept.

A window is some panes put together, so a span is linked to its trace once, not once per window that
it falls into. Counts and quantiles are always of all spans. Linking costs about 2 us of CPU a span,
so a pane of more than `linked_span_count_max` spans links a sample of whole traces, chosen by the
hash of the trace id, and weighs what it finds (Horvitz and Thompson, 1952).
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.descent import Descent, descend
from analysis.visits import VISIT_KINDS, Linked, link

_SHARES: Final = 1024
_EXACT: Final = ["namespace", "service", "version", "pod", "pod_uid", "is_error"]
_LINKED: Final = [
    *("namespace", "service", "version", "pod", "pod_uid"),
    *("trace_id", "duration_ms", "is_error", "is_entry", "self_ms", "is_own_error"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """What [start, end) of event time yields.

    visits: one row per request served that ended in the pane, with `duration_ms`; those that came
    more than once are `duplicate_count`. linked: those of
    the traces that were linked, with what only linking tells, and their `weight`. calls: one row
    per linked call that ended in the pane. descent: weighed sums over the entry requests.
    """

    start_unix_ns: int
    end_unix_ns: int
    duplicate_count: int
    visits: pl.DataFrame
    linked: pl.DataFrame
    calls: pl.DataFrame
    descent: Descent


def build_pane(
    spans: pl.DataFrame, *, start_unix_ns: int, end_unix_ns: int, linked_span_count_max: int
) -> Pane:
    """Build a pane from the spans that ended before its end, some look-back included."""
    in_pane = pl.col("end_unix_ns") >= start_unix_ns
    shares = max(1, min(_SHARES, _SHARES * linked_span_count_max // max(1, spans.height)))
    weight = _SHARES / shares
    sample = spans
    if shares < _SHARES:
        sample = spans.filter(pl.col("trace_id").hash() % _SHARES < shares)
    linked = link(sample)
    visits = linked.visits.filter(in_pane)
    served = spans.filter(in_pane, pl.col("kind").is_in(VISIT_KINDS))
    distinct = _distinct(served)
    return Pane(
        start_unix_ns=start_unix_ns,
        end_unix_ns=end_unix_ns,
        duplicate_count=served.height - distinct.height,
        visits=_visits(distinct),
        linked=visits.select(*_LINKED, weight=pl.lit(weight)),
        calls=_calls(linked, in_pane, weight),
        descent=descend(linked, visits.filter("is_entry"), weight=weight),
    )


def _distinct(served: pl.DataFrame) -> pl.DataFrame:
    """Each request once: a sender whose answer was lost sends the same spans again."""
    keys = served.select(key=pl.col("trace_id").hash() ^ pl.col("span_id").hash())["key"]
    return served if keys.n_unique() == served.height else served.filter(keys.is_first_distinct())


def _visits(served: pl.DataFrame) -> pl.DataFrame:
    duration_ns = (pl.col("end_unix_ns") - pl.col("start_unix_ns")).clip(0)
    # names are few: as categories they are grouped by, each time a window moves, for half the cost
    return served.select(
        *_EXACT, name=pl.col("name").cast(pl.Categorical), duration_ms=duration_ns / 1e6
    )


def _calls(linked: Linked, in_pane: pl.Expr, weight: float) -> pl.DataFrame:
    return linked.calls.filter(in_pane, pl.col("callee") != "").select(
        caller_namespace=pl.col("namespace").cast(pl.String),
        caller=pl.col("service").cast(pl.String),
        callee_namespace="callee_namespace",
        callee="callee",
        duration_ms="duration_ms",
        gap_ms="gap_ms",
        is_error="is_error",
        is_answered=pl.col("child_key").is_not_null(),
        weight=pl.lit(weight),
    )
