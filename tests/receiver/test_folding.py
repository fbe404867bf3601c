"""Old-name and new-name instrumentations of one service come to the same rows and windows."""

import ast
import runpy
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analysis.metered import Metered
from analysis.panes import build_pane
from analysis.slices import Batch, TelemetrySlice
from analysis.windows import combine
from knowledge.schemas import Signal
from knowledge.windows import WindowTables
from receiver import renamed
from receiver.decode import decode
from receiver.folding import names_of

SERVER, CLIENT, ERROR = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, 2
S, MS = 10**9, 10**6
OLD, MIDDLE, NEW = "old", "middle", "new"
KEYS: dict[str, dict[str, str]] = {
    OLD: {
        "http": "http.status_code",
        "rpc": "rpc.grpc.status_code",
        "peer": "peer.service",
        "host": "net.peer.name",
    },
    MIDDLE: {
        "http": "http.response.status_code",
        "rpc": "rpc.response.status_code",
        "peer": "peer.service",
        "host": "server.address",
    },
    NEW: {
        "http": "http.response.status_code",
        "rpc": "rpc.status_code",
        "peer": "service.peer.name",
        "host": "server.address",
    },
}
CASES: list[tuple[int, int, dict[str, tuple[str | int, str | int]]]] = [
    # kind, status, and per attribute what the old and the new generations write
    (SERVER, 0, {"http": (200, 200)}),
    (SERVER, 0, {"http": (503, 503)}),
    (SERVER, ERROR, {"http": (404, 404)}),
    (SERVER, ERROR, {"rpc": (5, "NOT_FOUND")}),
    (SERVER, 0, {"rpc": (14, "UNAVAILABLE")}),
    (CLIENT, 0, {"rpc": (4, "DEADLINE_EXCEEDED"), "peer": ("back", "back")}),
    (CLIENT, ERROR, {"http": (500, 500), "host": ("db.shop.svc", "db.shop.svc")}),
    (CLIENT, 0, {"http": (200, 200), "peer": ("back", "back"), "host": ("x", "x")}),
]


def request(generation: str) -> bytes:
    built = ExportTraceServiceRequest()
    group = built.resource_spans.add()
    for key, text in {"service.name": "front", "service.namespace": "shop"}.items():
        group.resource.attributes.add(key=key).value.string_value = text
    spans = group.scope_spans.add().spans
    for number in range(10 * len(CASES)):
        kind, status, told = CASES[number % len(CASES)]
        span = spans.add(name=f"op {number % 3}", trace_id=(number // 4 + 1).to_bytes(16, "big"))
        span.span_id = (number + 1).to_bytes(8, "big")
        span.parent_span_id = (number // 4 * 4 + 1).to_bytes(8, "big") if number % 4 else b""
        place = number % 4  # a request, and three spans in it, one after the other
        span.start_time_unix_nano = S + number // 4 * 150 * MS + place * 25 * MS
        span.end_time_unix_nano = span.start_time_unix_nano + (20 if place else 110) * MS + number
        span.kind = kind  # type: ignore[assignment]  # an open enumeration
        span.status.code = status  # type: ignore[assignment]  # an open enumeration
        for what, values in told.items():
            value = span.attributes.add(key=KEYS[generation][what]).value
            word = values[generation != OLD]
            if isinstance(word, int):
                value.int_value = word
            else:
                value.string_value = word
    return built.SerializeToString()


METRIC_KEYS = {
    OLD: {"http": "http.server.duration", "rpc": "rpc.server.duration"},
    MIDDLE: {"http": "http.server.request.duration", "rpc": "rpc.server.call.duration"},
    NEW: {"http": "http.server.request.duration", "rpc": "rpc.server.call.duration"},
}
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def metric_request(generation: str) -> bytes:
    """Three exports of the same requests, in milliseconds by old names and in seconds by new."""
    scale = 1e3 if generation == OLD else 1.0
    built = ExportMetricsServiceRequest()
    group = built.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = "meter"
    metrics = group.scope_metrics.add().metrics
    for what, codes in {"http": (200, 404, 503), "rpc": (0, 5, 14)}.items():
        # of the old HTTP names some senders tell no unit
        unit = "s" if generation != OLD else "ms" if what == "rpc" else ""
        metric = metrics.add(name=METRIC_KEYS[generation][what], unit=unit)
        metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]  # an open one
        for export in range(1, 4):
            for index, code in enumerate(codes):
                durations = [0.0123 * (n + 1) for n in range(30 * export)]
                point = metric.histogram.data_points.add(
                    start_time_unix_nano=S // 2,
                    time_unix_nano=export * S,
                    count=len(durations),
                    sum=sum(durations) * scale,
                    max=max(durations) * scale,
                    explicit_bounds=[bound * scale for bound in BOUNDS_S],
                )
                places = [bisect_left(BOUNDS_S, duration) for duration in durations]
                point.bucket_counts.extend(map(places.count, range(len(BOUNDS_S) + 1)))
                value = point.attributes.add(key=KEYS[generation][what]).value
                name = ("OK", "NOT_FOUND", "UNAVAILABLE")[index]
                if what == "rpc" and generation != OLD:
                    value.string_value = name
                else:
                    value.int_value = code
    return built.SerializeToString()


def part(signal: Signal, body: bytes) -> TelemetrySlice:
    decoded = decode(signal, [body], items_max=10_000)
    assert decoded.outcomes == ({},)
    rows = pa.Table.from_batches([decoded.rows])
    return TelemetrySlice(
        signal=signal,
        start_unix_ns=0,
        end_unix_ns=5 * S,
        batches=(Batch(rows=rows, oldest_unix_ns=S, newest_unix_ns=4 * S),),
    )


def windows(generation: str) -> WindowTables:
    spans = part("traces", request(generation))
    pane = build_pane(spans, start_unix_ns=0, linked_span_count_max=10**6)
    tables = combine((pane,), start_unix_ns=0, end_unix_ns=5 * S)
    _, metered = Metered().advance(part("metrics", metric_request(generation)), window_s=5)
    return replace(tables, metered=metered)


@pytest.mark.parametrize("generation", [MIDDLE, NEW])
def test_windows_do_not_tell_old_names_from_new_ones_byte_for_byte(generation: str) -> None:
    old, new = windows(OLD), windows(generation)
    assert old.services["error_count"].sum() > 0
    assert set(old.edges["callee"]) >= {"back", "db.shop.svc"}
    (row,) = old.metered.iter_rows(named=True)
    assert (row["request_count"], row["error_count"]) == (540, 180)
    assert old.as_blobs() == new.as_blobs()


def test_metrics_have_one_name() -> None:
    body = ExportMetricsServiceRequest()
    metrics = body.resource_metrics.add().scope_metrics.add().metrics
    for name in ("k8s.deployment.available", "mine", "k8s.deployment.available_pods"):
        metrics.add(name=name).gauge.data_points.add(time_unix_nano=1, as_int=1)
    decoded = decode("metrics", [body.SerializeToString()], items_max=10)
    assert decoded.rows.column("name").to_pylist() == [
        "k8s.deployment.pod.available",
        "mine",
        "k8s.deployment.pod.available",
    ]


def test_the_canonical_name_is_believed_first() -> None:
    assert names_of("http.response.status_code") == (
        "http.response.status_code",
        "http.status_code",
    )
    assert names_of("nobody.renamed.this") == ("nobody.renamed.this",)


def test_the_committed_table_is_what_the_package_says() -> None:
    script = Path(__file__).parents[2] / "proto" / "conventions.py"
    written = runpy.run_path(str(script))["table"]()
    committed = Path(renamed.__file__).read_text()
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(committed))
