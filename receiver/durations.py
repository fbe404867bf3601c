"""What the durations of served requests say: the columns that only they have.

A service that sends no spans is known by these histograms alone. Of all other metrics nobody reads
more than the value, so on their points these columns are null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError

from knowledge.instruments import MS_PER_UNIT, REQUEST_DURATIONS, REQUESTS_MAX
from knowledge.schemas import METRICS
from receiver.attributes import Picked, Picker
from receiver.flat import times
from receiver.folding import names_of
from receiver.nesting import Bytes, Mask, parent_indices
from receiver.outcomes import failures
from receiver.projection.metrics_pb2 import Exemplar
from receiver.requests import is_check, is_switch
from receiver.semconv import SPAN_MEANINGS, Meaning, read_text
from receiver.streams import Hashes, joined, set_hashes

BUCKETS_MAX: Final = 1_000
"""SDKs make 15 buckets, or 160 where they are exponential."""
EXEMPLARS_READ_MAX: Final = 8
"""Exemplars of a point that are looked at, the last: those of the slowest requests."""
SCALES: Final = range(-10, 21)
"""Of exponential histograms, by the specification's data model."""
_SERVER: Final = 2
_TRACE_ID_BYTES: Final = 16
_NAMES: Final = pa.array(REQUEST_DURATIONS, pa.string())
_UNITS: Final = pa.array(MS_PER_UNIT, pa.string())
_CODES: Final = tuple(m for m in SPAN_MEANINGS if m.column in {"http_status", "grpc_code"})


def _text(column: str, *keys: str) -> Meaning:
    return Meaning(column=column, type=pa.string(), keys=keys, read=read_text)


_POINTS: Final = Picker.of(
    (
        *_CODES,
        _text("error", "error.type"),
        _text("route", *names_of("http.route")),
        _text("rpc_service", "rpc.service"),
        _text("rpc_method", "rpc.method", "grpc.method"),
    )
)
OWN: Final = (
    *("start_unix_ns", "unit", "is_old_name", "temporality", "count", "sum", "max", "bounds"),
    *("bucket_counts", "scale", "bucket_offset", "zero_count", "is_error", "exemplar"),
    *("resource_id", "stream_id"),
)
"""The columns that only durations of requests have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Data points of one kind of histogram, and what their metric says of them."""

    points: pa.StructArray
    is_exponential: bool
    names: pa.StringArray
    units: pa.StringArray
    is_old: Mask
    temporality: Bytes
    resource_ids: Hashes
    metric_ids: Hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """The columns of OWN, and which points cannot be believed, by reason (as masks of the good)."""

    columns: Mapping[str, Any]
    tests: Sequence[tuple[str, Mask]] = ()


def no_durations(rows: int) -> Durations:
    """Return the columns of points that are no durations of requests."""
    return Durations(columns={name: pa.nulls(rows, METRICS.field(name).type) for name in OWN})


def durations(found: Points) -> Durations:
    """Return what these points say of served requests."""
    named = pc.and_(
        pc.is_in(found.names, value_set=_NAMES), pc.is_in(found.units, value_set=_UNITS)
    ).to_numpy(zero_copy_only=False)
    tracked: Mask = named & (found.temporality > 0)
    points = found.points
    if not tracked.any():
        return no_durations(len(points))
    picked = _POINTS.pick(points.field("attributes"))
    tracked &= ~_is_no_request(picked)
    kind = np.full(len(points), _SERVER, np.uint8)
    is_error = failures(kind, picked["error"].told, picked["http_status"], picked["grpc_code"])
    start = times(points.field("start_time_unix_nano"))
    columns: dict[str, Any] = {
        "start_unix_ns": np.where(start > times(points.field("time_unix_nano")), 0, start).clip(0),
        "unit": found.units,
        "is_old_name": found.is_old,
        "temporality": found.temporality,
        "count": points.field("count"),
        "sum": points.field("sum"),
        "max": points.field("max"),
        **_buckets(found),
        "is_error": is_error,
        "exemplar": _exemplars(points.field("exemplars"), tracked),
        "resource_id": found.resource_ids,
        "stream_id": joined(found.metric_ids, set_hashes(points.field("attributes"))),
    }
    null = {name: pa.scalar(None, METRICS.field(name).type) for name in OWN}
    mask = pa.array(tracked)
    return Durations(
        columns={name: pc.if_else(mask, _array(columns[name], name), null[name]) for name in OWN},
        tests=[(reason, good | ~tracked) for reason, good in _tests(found, columns)],
    )


def _array(column: Any, name: str) -> pa.Array:
    return pa.array(column, METRICS.field(name).type) if isinstance(column, np.ndarray) else column


def _is_no_request(picked: Mapping[str, Picked]) -> Mask:
    """Health checks, and streams that stay open; as for spans."""
    none = is_switch(picked["http_status"])
    for column, behind in (("route", ""), ("rpc_service", "/"), ("rpc_method", "")):
        words = [word + behind for word in picked[column].words]
        checks = is_check(pa.array(words, pa.string()))
        if checks.any():
            none = none | (picked[column].told & checks[picked[column].values])
    return none


def _buckets(found: Points) -> dict[str, pa.Array]:
    points, rows = found.points, len(found.points)
    if not found.is_exponential:
        unused = ("scale", "bucket_offset", "zero_count")
        return {
            "bounds": points.field("explicit_bounds"),
            "bucket_counts": points.field("bucket_counts"),
            **{name: pa.nulls(rows, METRICS.field(name).type) for name in unused},
        }
    return {
        "bounds": pa.nulls(rows, METRICS.field("bounds").type),
        "bucket_counts": points.field("positive").field("bucket_counts"),
        "scale": points.field("scale"),
        "bucket_offset": points.field("positive").field("offset"),
        "zero_count": points.field("zero_count"),
    }


def _tests(found: Points, columns: Mapping[str, Any]) -> list[tuple[str, Mask]]:
    """What a point must be like: pairs of the reason and the mask of the points that are."""
    lists: pa.ListArray = columns["bucket_counts"]
    sizes = pc.list_value_length(lists).to_numpy()
    totals = np.bincount(parent_indices(lists), lists.values.to_numpy(), minlength=len(lists))
    possible = (columns["count"].to_numpy() <= REQUESTS_MAX) & (totals <= REQUESTS_MAX)
    if found.is_exponential:
        possible &= columns["zero_count"].to_numpy() <= REQUESTS_MAX
        scale = columns["scale"].to_numpy()
        fits = (scale >= SCALES.start) & (scale < SCALES.stop)
    else:
        fits = _bounds_fit(columns["bounds"], sizes)
    return [
        ("too many buckets", sizes <= BUCKETS_MAX),
        ("impossible counts", possible),
        ("buckets without proper bounds", fits),
    ]


def _bounds_fit(bounds: pa.ListArray, counts: Any) -> Mask:
    """Whether bounds rise, and there is one bucket more than bounds (or no bucket at all)."""
    sizes = pc.list_value_length(bounds).to_numpy()
    fits: Mask = (counts == sizes + 1) | (counts == 0)
    values = bounds.values.to_numpy()
    if len(values):
        parents = parent_indices(bounds)
        falls = np.isnan(values)
        falls[1:] |= ~(values[1:] > values[:-1]) & (parents[1:] == parents[:-1])
        fits[parents[falls]] = False
    return fits


def _exemplars(lists: pa.ListArray, tracked: Mask) -> pa.BinaryArray:
    """Return per point the trace id of its worst exemplar; null where there is none."""
    sizes = pc.list_value_length(lists).to_numpy()
    found: list[bytes | None] = [None] * len(lists)
    offsets, values = lists.offsets.to_numpy(), lists.values
    for index in np.flatnonzero((sizes > 0) & tracked).tolist():
        end = int(offsets[index + 1])
        begin = max(int(offsets[index]), end - EXEMPLARS_READ_MAX)
        found[index] = _worst(values[begin:end].to_pylist())
    return pa.array(found, pa.binary())


def _worst(encoded: Sequence[bytes]) -> bytes | None:
    worst, trace = -np.inf, None
    for raw in encoded:
        try:
            exemplar = Exemplar.FromString(raw)
        except DecodeError:
            continue
        value = float(getattr(exemplar, exemplar.WhichOneof("value") or "as_double"))
        is_named = len(exemplar.trace_id) == _TRACE_ID_BYTES and any(exemplar.trace_id)
        if is_named and value > worst:
            worst, trace = value, exemplar.trace_id
    return trace
