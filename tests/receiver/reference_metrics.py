"""A plain reading of data points, one by one: what decoding must come to."""

from itertools import pairwise
from math import isnan
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from receiver.semconv import GRPC_CODES, GRPC_SERVER_FAULTS
from tests.receiver.reference import (
    GRPC,
    HTTP,
    INT64_MAX,
    as_number,
    as_text,
    first,
    labels,
    usable_time,
    valid_id,
)

DURATIONS = {
    "http.server.request.duration": "http.server.request.duration",
    "http.server.duration": "http.server.request.duration",
    "rpc.server.call.duration": "rpc.server.call.duration",
    "rpc.server.duration": "rpc.server.call.duration",
    "grpc.server.call.duration": "rpc.server.call.duration",
    "messaging.process.duration": "messaging.process.duration",
}
"""Old and new names of what served requests took, and the new one."""
IN_MS = ("http.server.duration", "rpc.server.duration")
UNITS = ("", "s", "ms", "us", "ns")
OWN = (
    *("start_unix_ns", "unit", "is_old_name", "temporality", "count", "sum", "max", "bounds"),
    *("bucket_counts", "scale", "bucket_offset", "zero_count", "is_error", "exemplar"),
    *("resource_id", "stream_id"),
)
"""Null where a point is no duration of requests."""


def point_row(metric: Metric, point: Any, resource: Resource) -> dict[str, Any] | str | None:
    if point.flags & 1:
        return None
    if not usable_time(point.time_unix_nano):
        return "no time"
    kind = str(metric.WhichOneof("data"))
    told = point.WhichOneof("value") if kind in ("gauge", "sum") else None
    row = {
        "time_unix_ns": point.time_unix_nano,
        "name": DURATIONS.get(metric.name, metric.name),
        "value": float(getattr(point, told)) if told else None,
        **dict.fromkeys(OWN),
        **labels(resource),
    }
    if not is_duration(metric, kind, point):
        return row
    return unfit(kind, point) or row | duration(metric, kind, point)


def unit(metric: Metric) -> str:
    return metric.unit or ("ms" if metric.name in IN_MS else "")


def is_duration(metric: Metric, kind: str, point: Any) -> bool:
    if kind not in ("histogram", "exponential_histogram") or metric.name not in DURATIONS:
        return False
    route = first(point.attributes, ("http.route",), as_text) or ""
    service = first(point.attributes, ("rpc.service",), as_text) or ""
    is_check = route == "/healthz" or service == "grpc.health.v1.Health"
    is_socket = status(point, HTTP) == 101
    is_told = getattr(metric, kind).aggregation_temporality in (1, 2)
    return unit(metric) in UNITS and is_told and not is_check and not is_socket


def status(point: Any, keys: tuple[str, ...]) -> int | None:
    def read(value: AnyValue) -> int | None:
        low, high = (100, 600) if keys == HTTP else (0, 17)
        return as_number(value, () if keys == HTTP else GRPC_CODES, low, high)

    found: int | None = first(point.attributes, keys, read)
    return found


def failed(point: Any) -> bool:
    is_error = first(point.attributes, ("error.type",), as_text) is not None
    http, grpc = status(point, HTTP), status(point, GRPC)
    if grpc is not None:
        return GRPC_CODES[grpc] in GRPC_SERVER_FAULTS
    if http is not None:
        return http >= 500 or (is_error and http < 400)
    return is_error


def unfit(kind: str, point: Any) -> str | None:
    is_explicit = kind == "histogram"
    counts = list(point.bucket_counts if is_explicit else point.positive.bucket_counts)
    if len(counts) > 1000:
        return "too many buckets"
    zeros = 0 if is_explicit else point.zero_count
    if point.count > 2**40 or sum(counts) > 2**40 or zeros > 2**40:
        return "impossible counts"
    if is_explicit:
        bounds = list(point.explicit_bounds)
        is_rising = all(one < more for one, more in pairwise(bounds))
        is_fit = (len(counts) in (0, len(bounds) + 1)) and is_rising and not any(map(isnan, bounds))
    else:
        is_fit = -10 <= point.scale <= 20
    return None if is_fit else "buckets without proper bounds"


def duration(metric: Metric, kind: str, point: Any) -> dict[str, Any]:
    is_explicit = kind == "histogram"
    start = point.start_time_unix_nano
    is_start = start <= INT64_MAX and start <= point.time_unix_nano
    named = [e for e in point.exemplars if valid_id(e.trace_id, 16)]
    worst = max(named, key=lambda e: getattr(e, e.WhichOneof("value") or "as_double"), default=None)
    return {
        "start_unix_ns": start if is_start else 0,
        "unit": unit(metric),
        "is_old_name": metric.name != DURATIONS[metric.name],
        "temporality": getattr(metric, kind).aggregation_temporality,
        "count": point.count,
        "sum": point.sum if point.HasField("sum") else None,
        "max": point.max if point.HasField("max") else None,
        "bounds": list(point.explicit_bounds) if is_explicit else None,
        "bucket_counts": list(point.bucket_counts if is_explicit else point.positive.bucket_counts),
        "scale": None if is_explicit else point.scale,
        "bucket_offset": None if is_explicit else point.positive.offset,
        "zero_count": None if is_explicit else point.zero_count,
        "is_error": failed(point),
        "exemplar": worst.trace_id if worst else None,
        "resource_id": True,
        "stream_id": True,
    }
