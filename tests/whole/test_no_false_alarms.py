"""What must not raise a symptom, from OTLP bytes to the detectors."""

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from analysis.panes import build_pane
from analysis.settings import AnalysisSettings
from analysis.slices import Batch, TelemetrySlice
from analysis.step import AnalysisState, step
from analysis.windows import combine
from knowledge.issues import Symptom
from knowledge.windows import WindowTables
from receiver.decode import decode

S: Final = 10**9
MS: Final = 10**6
WINDOW_S: Final = 600
SETTINGS: Final = AnalysisSettings(window_s=WINDOW_S, pane_s=WINDOW_S, retention_s=2000)
Spans = list[Span]


def _attribute(key: str, value: str | int) -> KeyValue:
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def span(
    number: int, name: str, duration_ms: float = 10.0, *, status: int = 0, **attributes: str | int
) -> Span:
    end = S * (WINDOW_S - 1) - number
    return Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=(number + 1).to_bytes(8, "big"),
        name=name,
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=end - int(duration_ms * MS),
        end_time_unix_nano=end,
        status=Status(code=status),  # type: ignore[arg-type]  # an open enumeration
        attributes=[_attribute(k.replace("__", "."), v) for k, v in attributes.items()],
    )


def _window(spans: Spans) -> WindowTables:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(_attribute("service.name", "cart"))
    group.scope_spans.add().spans.extend(spans)
    rows = decode("traces", [request.SerializeToString()], items_max=100_000).rows
    batch = Batch(rows=pa.table(rows), oldest_unix_ns=0, newest_unix_ns=WINDOW_S * S)
    part = TelemetrySlice(
        signal="traces", start_unix_ns=0, end_unix_ns=WINDOW_S * S, batches=(batch,)
    )
    pane = build_pane(part, start_unix_ns=0, linked_span_count_max=10**6)
    return combine((pane,), start_unix_ns=0, end_unix_ns=WINDOW_S * S)


def _symptoms(spans: Spans) -> dict[str, Symptom]:
    _, output = step(
        AnalysisState(), _window(spans), None, frozenset(), settings=SETTINGS, now_unix_ns=10**12
    )
    return {s.kind: s for s in output.symptoms}


def _good(count: int = 500) -> Spans:
    return [span(n, "GET /cart", http__response__status_code=200) for n in range(count)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"http__response__status_code": 404, "status": 2},
        {"http__response__status_code": 429, "status": 2},
        {"http__response__status_code": 499, "status": 2},
        {"http__status_code": 401, "status": 2},
        {"rpc__grpc__status_code": 5, "status": 2},
        {"rpc__response__status_code": "NOT_FOUND", "status": 2},
        {"rpc__status_code": "CANCELLED", "status": 2},
        {"rpc__grpc__status_code": 1, "status": 2},
    ],
    ids=lambda a: str(next(iter(a.values()))),
)
def test_what_is_the_callers_fault_never_raises_the_error_rate(attributes: dict[str, Any]) -> None:
    assert _symptoms([span(n, "GET /cart", **attributes) for n in range(500)])[
        "HighErrorRate"
    ].health == ("healthy")


def test_a_servers_own_failures_do_raise_it() -> None:
    failing = [span(n, "GET /cart", http__response__status_code=500) for n in range(500)]
    assert _symptoms(failing)["HighErrorRate"].health == "unhealthy"


def _checks(number: int) -> Span:
    names = ("GET /healthz", "/grpc.health.v1.Health/Check", "GET /readyz", "/metrics")
    return span(number, names[number % len(names)], duration_ms=30_000.0)


def _sockets(number: int) -> Span:
    return span(number, "GET /live", duration_ms=30_000.0, http__response__status_code=101)


def _streams(number: int) -> Span:
    return span(number, "/cart.Cart/Watch", duration_ms=590_000.0, rpc__grpc__status_code=0)


@pytest.mark.parametrize("made", [_checks, _sockets, _streams])
def test_health_checks_and_long_streams_never_move_p99(made: Callable[[int], Span]) -> None:
    others = [made(1000 + n) for n in range(100)]
    alone, beside = _window(_good()), _window([*_good(), *others])
    columns = ["span_count", "latency_ms_p99", "latency_ms_mean", "arrival_per_s"]
    assert beside.services.select(columns).equals(alone.services.select(columns))
    assert _symptoms([*_good(), *others])["HighLatency"].health == "healthy"


def test_a_slow_request_is_still_one() -> None:
    slow = [span(1000 + n, "GET /health-records", duration_ms=30_000.0) for n in range(100)]
    assert _symptoms([*_good(), *slow])["HighLatency"].health == "unhealthy"
