"""Hostile requests, written by rules instead of kept as files, and seeded mutations."""

import random
from collections.abc import Callable, Iterator
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from knowledge.schemas import SIGNALS, Signal
from tests.conformance import payload

NESTED_GROUPS: Final = b"\x9b\x06" * 300_000 + b"\x9c\x06" * 300_000
WRAPPING_LENGTH: Final = bytes.fromhex("0affffffffffffffffff01")
_PATHS: Final[dict[Signal, tuple[int, ...]]] = {
    "traces": (1, 2, 2),
    "metrics": (1, 2, 2, 5, 1),
    "logs": (1, 2, 2),
}
_ATTRIBUTES: Final[dict[Signal, int]] = {"traces": 9, "metrics": 7, "logs": 6}


def varint(number: int) -> bytes:
    """A base-128 varint."""
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def inside(content: bytes, *fields: int) -> bytes:
    """Wrap `content` in length-delimited fields, the outermost first."""
    for number in reversed(fields):
        content = varint(number << 3 | 2) + varint(len(content)) + content
    return content


def _nested_values(depth: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = inside(value, 5, 1)
    return value


def payloads() -> dict[str, bytes]:
    """Bytes that are hostile wherever they stand."""
    return {
        "nested groups": NESTED_GROUPS,
        "wrapping length": WRAPPING_LENGTH,
        "truncated varint": b"\x08\xff\xff",
        "varint of eleven bytes": b"\x08" + b"\xff" * 11,
        "length that lies": b"\x0a\xff\xff\xff\x7f" + b"x" * 10,
        "48 nested values": _nested_values(48),
        "5,000 nested values": _nested_values(5_000),
        "no UTF-8": inside(b"\xff\xfe\xc0", 1) + inside(inside(b"\xff\xfe", 1), 2),
        "group that does not end": b"\x0b",
        "group that ends": b"\x0c",
        "reserved wire type": b"\x0e\x0f",
        "field zero": b"\x02\x00",
        "100,000 empty ones": b"\x0a\x00" * 100_000,
        "a long text": inside(b"a" * 2**20, 1),
        "unknown fields": b"\xca\x3e\x05later" * 1_000,
    }


def hostile(signal: Signal) -> Iterator[tuple[str, bytes]]:
    """Each payload at each depth of a request, and inside an attribute: its name and its bytes."""
    path = _PATHS[signal]
    places: dict[str, tuple[int, ...]] = {
        f"depth {depth}": path[:depth] for depth in range(len(path) + 1)
    }
    places["resource"] = (1, 1)
    places["resource attribute"] = (1, 1, 1)
    places["attribute"] = (*path, _ATTRIBUTES[signal])
    places["attribute value"] = (*path, _ATTRIBUTES[signal], 2)
    places["list in an attribute value"] = (*path, _ATTRIBUTES[signal], 2, 5)
    if signal == "metrics":
        places |= {
            "scope": (1, 2, 1),
            "exemplar": (1, 2, 2, 9, 1, 8),
            "buckets": (1, 2, 2, 10, 1, 8),
            "bucket counts": (1, 2, 2, 10, 1, 8, 2),
        }
    for name, content in payloads().items():
        for place, fields in places.items():
            yield f"{name} at {place}", inside(content, *fields)


def mutate(body: bytes, rng: random.Random) -> bytes:
    """Change a few bytes as broken senders and attackers do."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        rng.choice(_MUTATIONS)(data, rng)
    return bytes(data)


def seeds(signal: Signal) -> list[bytes]:
    """Requests to start from."""
    found = [payload.of(signal).SerializeToString()]
    if signal == "metrics":
        found.append(_durations().SerializeToString())
    if signal == "logs":
        found.append(_events().SerializeToString())
    if signal == "traces":
        found.append(payload.with_values_of_all_kinds().SerializeToString())
    return found


def _events() -> ExportLogsServiceRequest:
    """An event of Kubernetes in both shapes, and an exception."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="k8s.object.name").value.string_value = "cart-1"
    records = group.scope_logs.add().log_records
    told = records.add(time_unix_nano=1)
    told.attributes.add(key="k8s.event.reason").value.string_value = "BackOff"
    whole = records.add(time_unix_nano=2)
    whole.attributes.add(key="k8s.resource.name").value.string_value = "events"
    event = whole.body.kvlist_value.values.add(key="object").value.kvlist_value.values
    for key, text in {"kind": "Event", "reason": "OOMKilling", "note": "it is"}.items():
        event.add(key=key).value.string_value = text
    about = event.add(key="regarding").value.kvlist_value.values
    about.add(key="kind").value.string_value = "Pod"
    failed = records.add(time_unix_nano=3)
    failed.attributes.add(key="exception.type").value.string_value = "ValueError"
    failed.attributes.add(key="exception.message").value.string_value = "7 is none"
    return request


def _durations() -> ExportMetricsServiceRequest:
    """Both kinds of histogram under names that are looked into."""
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    explicit = metrics.add(name="http.server.duration", unit="ms").histogram
    explicit.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    for export in range(1, 4):
        point = explicit.data_points.add(
            start_time_unix_nano=1,
            time_unix_nano=export * 10**9,
            count=3 * export,
            sum=9.0 * export,
            max=7.5,
            explicit_bounds=[5.0, 10.0],
            bucket_counts=[export, 2 * export, 0],
        )
        point.attributes.add(key="http.status_code").value.int_value = 500
        point.exemplars.add(as_double=7.5, trace_id=payload.TRACE_ID)
    exponential = metrics.add(name="rpc.server.call.duration", unit="s").exponential_histogram
    exponential.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    for export in range(1, 3):
        bucketed = exponential.data_points.add(
            start_time_unix_nano=(export - 1) * 10**9 + 1,
            time_unix_nano=export * 10**9,
            count=4,
            scale=3,
            zero_count=1,
        )
        bucketed.positive.offset = -20
        bucketed.positive.bucket_counts.extend([1, 0, 2])
    return request


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _interesting(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x0A, 0x0B, 0x0C, 0x7F, 0x80, 0xFF))


def _cut(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.randint(1, 8)]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.randint(1, 8))


def _repeat(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.randint(1, 64)]
    data[start:start] = piece * rng.randint(1, 8)


_MUTATIONS: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (
    _flip,
    _interesting,
    _cut,
    _insert,
    _repeat,
)
assert set(_PATHS) == set(SIGNALS)
