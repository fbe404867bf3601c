"""Spans to visits and calls: who served a request, whom it called meanwhile, and what was its own.

A visit is one request served (a SERVER or CONSUMER span). A call is a CLIENT span; it is owned by
the visit that it was made in, however many INTERNAL spans lie between, and answered by the visit
whose parent it is. Calls tile the time of their visit from its end backwards, as in CRISP (Zhang
et al., USENIX ATC 2022): what no call covers is the visit's own.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.tiling import taken_from

INTERNAL_DEPTH_MAX: Final = 16
VISIT_KINDS: Final = [2, 5]
"""OTLP SpanKind SERVER and CONSUMER: what RED figures are made of."""
_CALL_KIND: Final = 3
_INTERNAL_KINDS: Final = [0, 1]
_MS: Final = 1e6
_TILING: Final = ("owner_key", "ends", "end_unix_ns", "begins", "callee_namespace", "callee", "key")
"""The order in which calls take their part of a visit; calls that end as one are told apart too, or
the same spans would be blamed otherwise from one look to the next."""
_LATEST_FIRST: Final = ("ends", "end_unix_ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Visits and calls of the same spans.

    visits: key, parent_key, trace_id, start/end_unix_ns, duration_ms, is_error, is_entry, self_ms,
    is_own_error, namespace, service, version, pod, pod_uid, name.
    calls: owner_key, child_key (null: unanswered), end_unix_ns, duration_ms, tiled_ms (its part of
    the owner's time), gap_ms (null: unanswered), is_error, is_failed (no retry mended it),
    namespace, service, callee_namespace, callee (empty: nobody knows), principal and is_verified
    of the caller, peer (the callee's name as the caller has it), is_callee_verified (null:
    unanswered).
    """

    visits: pl.DataFrame
    calls: pl.DataFrame


def link(spans: pl.DataFrame) -> Linked:
    """Link the spans of whole traces, as far as they are in view."""
    span_hash, parent_hash = pl.col("span_id").hash(), pl.col("parent_span_id").hash()
    keyed = spans.with_columns(
        key=pl.col("trace_id").hash() ^ span_hash,
        parent_key=pl.col("trace_id").hash() ^ parent_hash,
        duration_ms=((pl.col("end_unix_ns") - pl.col("start_unix_ns")) / _MS).clip(0),
    )
    visits = keyed.filter(pl.col("kind").is_in(VISIT_KINDS)).sort("key", "start_unix_ns")
    visits = visits.unique("key", keep="first", maintain_order=True)
    is_known = pl.col("parent_key").is_in(keyed["key"].implode())
    visits = visits.with_columns(is_entry=~is_known)
    calls = _tiled(_answered(_owned(keyed), visits), visits)
    return Linked(visits=_with_own_share(visits, calls), calls=calls)


def _owned(keyed: pl.DataFrame) -> pl.DataFrame:
    """Calls with the key of the visit that they were made in."""
    calls = keyed.filter(pl.col("kind") == _CALL_KIND).sort("key", "start_unix_ns")
    calls = calls.unique("key", keep="first", maintain_order=True)
    calls = calls.rename({"parent_key": "owner_key"})
    inner = keyed.filter(pl.col("kind").is_in(_INTERNAL_KINDS)).select(
        owner_key="key", outer_key="parent_key"
    )
    for _ in range(INTERNAL_DEPTH_MAX if inner.height else 0):
        calls = calls.join(inner, on="owner_key", how="left")
        if not calls["outer_key"].count():
            return calls.drop("outer_key")
        calls = calls.with_columns(owner_key=pl.coalesce("outer_key", "owner_key"))
        calls = calls.drop("outer_key")
    return calls


def _answered(calls: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Calls with the visit that answered them, the first of several, or the peer's name."""
    answers = (
        visits.sort("start_unix_ns", "key")
        .select(
            key="parent_key",
            child_key="key",
            child_ms="duration_ms",
            callee_namespace=pl.col("namespace").cast(pl.String),
            callee=pl.col("service").cast(pl.String),
            is_callee_verified="is_verified",
        )
        .unique("key", keep="first", maintain_order=True)
    )
    joined = calls.join(answers, on="key", how="left")
    return joined.with_columns(
        gap_ms=(pl.col("duration_ms") - pl.col("child_ms")).clip(0),
        callee_namespace=pl.coalesce("callee_namespace", pl.col("namespace").cast(pl.String)),
        callee=pl.coalesce("callee", pl.col("peer").cast(pl.String)),
    )


def _tiled(calls: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Calls with the part of their visit's time that is theirs; calls without a visit fall out."""
    owners = visits.select(owner_key="key", owner_start="start_unix_ns", owner_end="end_unix_ns")
    begins = pl.max_horizontal("start_unix_ns", "owner_start")
    ends = pl.min_horizontal("end_unix_ns", "owner_end")
    inside = calls.join(owners, on="owner_key").with_columns(begins=begins, ends=ends)
    # a failed try whose retry went well failed nobody: the last call to a callee decides
    is_last = pl.col("end_unix_ns") == pl.col("end_unix_ns").max().over("owner_key", "callee")
    is_failed = pl.col("is_error") & is_last
    inside = inside.sort(*_TILING, descending=[name in _LATEST_FIRST for name in _TILING])
    later = taken_from(inside["owner_key"], inside["begins"])
    tiled = (pl.min_horizontal("ends", later) - pl.col("begins")).clip(0) / _MS
    return inside.with_columns(tiled_ms=tiled, is_failed=is_failed).select(
        "owner_key",
        "child_key",
        "end_unix_ns",
        "duration_ms",
        "tiled_ms",
        "gap_ms",
        "is_error",
        "is_failed",
        "namespace",
        "service",
        "callee_namespace",
        "callee",
        "principal",
        "is_verified",
        "peer",
        "is_callee_verified",
    )


def _with_own_share(visits: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Visits with the time and the failures that none of their calls explains."""
    covered = calls.group_by("owner_key").agg(
        covered_ms=pl.col("tiled_ms").sum(), failed_call=pl.col("is_failed").any()
    )
    return (
        visits.join(covered, left_on="key", right_on="owner_key", how="left")
        .with_columns(
            self_ms=(pl.col("duration_ms") - pl.col("covered_ms").fill_null(0)).clip(0),
            is_own_error=pl.col("is_error") & ~pl.col("failed_call").fill_null(value=False),
        )
        .select(
            "key",
            "parent_key",
            "trace_id",
            "start_unix_ns",
            "end_unix_ns",
            "duration_ms",
            "is_error",
            "is_entry",
            "self_ms",
            "is_own_error",
            "namespace",
            "service",
            "version",
            "pod",
            "pod_uid",
            "name",
        )
    )
