"""One pane: the shortest step of the windows, computed once from its spans and then kept.

A window is some panes put together, so a span is linked to its trace once, not once per window that
it falls into, and only its duration is looked at again. Counts and quantiles are always of all
spans. Linking costs about 2 us of CPU a span, so a pane of more than `linked_span_count_max` spans
links a sample of whole traces, chosen by the hash of the trace id, and weighs what it finds
(Horvitz and Thompson, 1952).
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.cardinality import Caps, folded
from analysis.descent import Descent, descend
from analysis.recent import recent_of
from analysis.senders import told_by_callers, told_by_servers
from analysis.slices import TelemetrySlice, reaching
from analysis.visits import VISIT_KINDS, Linked, link

_INSTANCE: Final = ["namespace", "service", "version", "pod", "pod_uid"]
_OPERATION: Final = ["namespace", "service", "name"]
_IDS: Final = ["trace_id", "span_id"]
_SERVED: Final = [
    *_INSTANCE,
    *("name", "is_error", "kind", "start_unix_ns", "end_unix_ns", *_IDS),
    *("principal", "is_verified"),
]
_LINKED: Final = [
    *_INSTANCE,
    *("trace_id", "duration_ms", "is_error", "is_entry", "self_ms", "is_own_error"),
]
PIECE_ROWS: Final = 250_000
"""Rows that are read at a time: what is read takes about 500 bytes a row, until it is summed."""

_COUNTS: Final = ["span_count", "error_count", "duration_ns_sum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """What [start, end) of event time yields.

    operations: one row per namespace, service and operation of the requests served that ended in
    the pane, with span_count, error_count, duration_ns_sum and the list `durations_ns`. instances:
    the same sums per namespace, service, version, pod and pod_uid. Requests that came more than
    once are left out, and are `duplicate_count`. linked: the requests of
    the traces that were linked, with what only linking tells, and their `weight`. calls: one row
    per linked call that ended in the pane. descent: weighed sums over the entry requests. senders:
    what authenticated senders say. recent: who spoke in the pane, and how calls to whom ended.
    """

    start_unix_ns: int
    end_unix_ns: int
    duplicate_count: int
    folded_count: int
    operations: pl.DataFrame
    instances: pl.DataFrame
    linked: pl.DataFrame
    calls: pl.DataFrame
    descent: Descent
    senders: pl.DataFrame
    recent: pl.DataFrame


CAPS: Final = Caps(services=10_000, operations=200)


def build_pane(
    part: TelemetrySlice, *, start_unix_ns: int, linked_span_count_max: int, caps: Caps = CAPS
) -> Pane:
    """Build the pane from `start_unix_ns` to the end of `part`; what is before is look-back."""
    in_pane = pl.col("end_unix_ns") >= start_unix_ns
    inner = part.since(start_unix_ns)
    sample, weight = (part if inner.batches else inner).traces(linked_span_count_max)
    sample = reaching(sample, start_unix_ns)
    linked = link(sample)
    visits = linked.visits.filter(in_pane)
    calls = _calls(linked, in_pane, weight)
    served = _read(inner)
    found, folded_count = folded(served.grouped, caps)
    return Pane(
        start_unix_ns=start_unix_ns,
        end_unix_ns=part.end_unix_ns,
        duplicate_count=served.duplicate_count,
        folded_count=folded_count,
        operations=_operations(found),
        instances=found.group_by(_INSTANCE).agg(pl.col(_COUNTS).sum()),
        linked=visits.select(*_LINKED, weight=pl.lit(weight)),
        calls=calls,
        descent=descend(linked, visits.filter("is_entry"), weight=weight),
        senders=pl.concat([served.senders, told_by_callers(calls)]),
        recent=recent_of(sample, found, in_pane),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """All requests of a pane, summed by instance and operation, and by who told of them."""

    grouped: pl.DataFrame
    senders: pl.DataFrame
    duplicate_count: int


def _read(part: TelemetrySlice) -> _Served:
    """Read the requests of a pane, each once, some at a time.

    A sender whose answer was lost sends the same spans again. Those that came twice to different
    pieces are rare: then all is read again, now that they are known.
    """
    pieces = tuple(part.pieces(PIECE_ROWS))
    read = [_requests(piece) for piece in pieces]
    keys = pl.concat([keys for keys, _, _ in read])
    if len(pieces) > 1 and keys.n_unique() < len(keys):
        firsts, at = keys.is_first_distinct(), 0
        for index, piece in enumerate(pieces):
            count = len(read[index][0])
            read[index] = _requests(piece, firsts.slice(at, count))
            at += count
    kept = sum(int(found["span_count"].sum()) for _, found, _ in read)
    return _Served(
        grouped=_summed([found for _, found, _ in read]),
        senders=pl.concat([told for _, _, told in read]),
        duplicate_count=len(keys) - kept,
    )


def _requests(
    piece: TelemetrySlice, first: pl.Series | None = None
) -> tuple[pl.Series, pl.DataFrame, pl.DataFrame]:
    """Return the keys of all requests of a piece, and the sums of those that are the `first`."""
    served = piece.frame(_SERVED, where=pl.col("kind").is_in(VISIT_KINDS))
    keys = served.select(key=pl.col("trace_id").hash() ^ pl.col("span_id").hash())["key"]
    if first is None:
        first = None if keys.n_unique() == len(keys) else keys.is_first_distinct()
    distinct = served if first is None else served.filter(first)
    return keys, _grouped(distinct), told_by_servers(distinct)


def _summed(grouped: list[pl.DataFrame]) -> pl.DataFrame:
    """One row per instance and operation, from those of the pieces."""
    if len(grouped) == 1:
        return grouped[0]
    durations = pl.col("durations_ns").explode()
    return pl.concat(grouped).group_by([*_INSTANCE, "name"]).agg(pl.col(_COUNTS).sum(), durations)


def _grouped(served: pl.DataFrame) -> pl.DataFrame:
    """One row per instance and operation: the one pass over all requests of a piece."""
    duration_ns = (pl.col("end_unix_ns") - pl.col("start_unix_ns")).clip(0)
    # names are few: as categories they are grouped by for half the cost
    return (
        served.select(
            *_INSTANCE, pl.col("name").cast(pl.Categorical), "is_error", durations_ns=duration_ns
        )
        .group_by([*_INSTANCE, "name"])
        .agg(
            span_count=pl.len().cast(pl.Int64),
            error_count=pl.col("is_error").sum().cast(pl.Int64),
            duration_ns_sum=pl.col("durations_ns").sum(),
            durations_ns=pl.col("durations_ns"),
        )
        .with_columns(pl.col(*_INSTANCE, "name").cast(pl.String))
    )


def _operations(found: pl.DataFrame) -> pl.DataFrame:
    sums = pl.col(_COUNTS).sum()
    grouped = found.group_by(_OPERATION).agg(sums, pl.col("durations_ns").explode())
    return grouped.rename({"name": "operation"})


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
        principal="principal",
        is_verified="is_verified",
        told_namespace=pl.when("is_callee_verified")
        .then("callee_namespace")
        .otherwise(pl.col("namespace").cast(pl.String)),
        told=pl.when("is_callee_verified").then("callee").otherwise(pl.col("peer").cast(pl.String)),
        weight=pl.lit(weight),
    )
