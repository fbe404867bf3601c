"""OTLP in over real sockets, by the official SDK: all that was acknowledged is counted."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode

pytestmark = pytest.mark.whole

RESOURCE = Resource.create({"service.name": "front", "service.namespace": "shop"})
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DEADLINE_S = 30.0


class Spans(OTLPSpanExporter):
    """The official exporter; counts what it was given and what was acknowledged."""

    sent = acknowledged = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.sent += len(spans)
        result = super().export(spans)
        self.acknowledged += len(spans) * (result is SpanExportResult.SUCCESS)
        return result


class Points(OTLPMetricExporter):
    """As `Spans`, for metric points."""

    sent = acknowledged = 0

    def export(self, metrics_data: MetricsData, *args: Any, **kwargs: Any) -> MetricExportResult:
        count = sum(
            len(metric.data.data_points)
            for resource in metrics_data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        self.sent += count
        result = super().export(metrics_data, *args, **kwargs)
        self.acknowledged += count * (result is MetricExportResult.SUCCESS)
        return result


class Records(OTLPLogExporter):
    """As `Spans`, for log records."""

    sent = acknowledged = 0

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        self.sent += len(batch)
        result = super().export(batch)
        self.acknowledged += len(batch) * (result is LogRecordExportResult.SUCCESS)
        return result


def _spans(exporter: Spans, count: int, *, batch: int = 256) -> TracerProvider:
    """Send `count` requests served, every fourth of them failed."""
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=10 * count, max_export_batch_size=batch)
    )
    tracer = provider.get_tracer("test")
    for index in range(count):
        span = tracer.start_span("GET /", kind=SpanKind.SERVER, attributes={"http.route": "/"})
        if index % 4 == 0:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
    return provider


def _metrics(exporter: Points) -> MeterProvider:
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider(resource=RESOURCE, metric_readers=[reader])
    meter = provider.get_meter("test")
    for index in range(40):
        meter.create_counter("requests").add(1, {"index": index})
        meter.create_histogram("duration", unit="s").record(0.1 * index, {"index": index % 7})
        meter.create_up_down_counter("open").add(-index)
    return provider


def _logs(exporter: Records, count: int) -> LoggerProvider:
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=10 * count))
    logger = provider.get_logger("test")
    for index in range(count):
        logger.emit(
            LogRecord(timestamp=index + 1, severity_number=SeverityNumber.INFO, body={"n": [index]})
        )
    return provider


def test_all_three_signals_are_counted_as_sent_and_acknowledged(service: Any) -> None:
    spans = Spans(endpoint=service.otlp, insecure=True)
    points = Points(endpoint=service.otlp, insecure=True)
    records = Records(endpoint=service.otlp, insecure=True)
    providers: list[Any] = [_spans(spans, 1000), _metrics(points), _logs(records, 300)]
    for provider in providers:
        assert provider.force_flush(10_000)
    status = service.advance(120)
    for provider in providers:
        provider.shutdown()
    assert (spans.sent, spans.acknowledged) == (1000, 1000)
    assert points.sent == points.acknowledged >= 48
    assert (records.sent, records.acknowledged) == (300, 300)
    rows = {signal: item["rows"] for signal, item in status["freshness"].items()}
    assert rows["traces"] == spans.acknowledged
    # the exporter's own shutdown may flush metrics once more, but only after the status was read
    assert rows["metrics"] <= points.acknowledged
    assert rows["metrics"] >= points.acknowledged // 2
    assert rows["logs"] == records.acknowledged
    (row,) = status["services"]
    assert (row["namespace"], row["service"]) == ("shop", "front")
    assert row["span_count"] == 1000
    assert row["error_ratio"] == 0.25


def _bombs() -> Iterable[Any]:
    """The messages that kill an unguarded decoder; plain, and inside an attribute's value."""
    unknown_groups = b"\x9b\x06" * 300_000 + b"\x9c\x06" * 300_000
    endless_length = bytes.fromhex("0affffffffffffffffff01")
    for name, bomb in (("groups", unknown_groups), ("length", endless_length)):
        yield pytest.param(bomb, id=name)
        yield pytest.param(_request(_attributed(bomb)), id=f"{name} in an attribute")


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    size, prefix = len(content), b""
    while size > 127:
        prefix += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + prefix + bytes([size]) + content


def _attributed(value: bytes) -> bytes:
    """A span whose one attribute has `value` for an array."""
    key_value = _field(1, b"http.route") + _field(2, _field(5, value))
    times = b"\x39" + (1).to_bytes(8, "little") + b"\x41" + (2).to_bytes(8, "little")
    return _field(1, b"t" * 16) + _field(2, b"s" * 8) + b"\x30\x02" + times + _field(9, key_value)


def _request(span: bytes) -> bytes:
    return _field(1, _field(2, _field(2, span)))


@pytest.mark.parametrize("bomb", list(_bombs()))
def test_hostile_bytes_kill_nothing_and_lose_nobodys_data(service: Any, bomb: bytes) -> None:
    brain, (receiver,) = service.pids("brain"), service.pids("receiver-0")
    good = ExportTraceServiceRequest()
    span = good.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = b"t" * 16, b"s" * 8
    span.kind = span.SPAN_KIND_SERVER
    span.start_time_unix_nano = span.end_time_unix_nano = service.start_unix_ns + 10**9
    neighbour = good.SerializeToString()
    with grpc.insecure_channel(service.otlp) as channel:
        export = channel.unary_unary(EXPORT)
        calls = [export.future(neighbour, timeout=DEADLINE_S) for _ in range(10)]
        calls.insert(5, export.future(bomb, timeout=DEADLINE_S))
        codes = [call.exception() and call.exception().code() for call in calls]
        assert export(neighbour, timeout=DEADLINE_S) == b""
    assert codes[:5] + codes[6:] == [None] * 10
    assert codes[5] in {None, grpc.StatusCode.INVALID_ARGUMENT}  # an attribute may stay opaque
    kept = service.status()["freshness"]["traces"]["rows"]
    status = service.advance(10)
    assert status["halted"] is None
    assert kept <= status["freshness"]["traces"]["rows"] <= 12
    assert status["freshness"]["traces"]["rows"] >= 11
    assert (service.pids("brain"), service.pids("receiver-0")) == (brain, [receiver])


def test_a_malformed_request_is_the_senders_fault_and_says_so(service: Any) -> None:
    with grpc.insecure_channel(service.otlp) as channel:
        export = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.RpcError) as caught:
            export(b"\x0a\x05no", timeout=DEADLINE_S)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details()


def _back_s(service: Any, life: int) -> float:
    """Kill the receiver; how long until the next one listens. What else runs here only adds."""
    service.kill("receiver-0")
    back_s: float = service.until(
        lambda: service.log.read_text().count("receiver listening") == life
    )
    return back_s


def test_a_killed_receiver_is_back_within_a_second_and_nothing_acknowledged_is_lost(
    service: Any,
) -> None:
    exporters = [Spans(endpoint=service.otlp, insecure=True) for _ in range(2)]
    providers: list[TracerProvider] = []

    def send(exporter: Spans) -> None:
        providers.append(_spans(exporter, 4000, batch=64))
        providers[-1].force_flush(60_000)

    threads = [threading.Thread(target=send, args=(exporter,)) for exporter in exporters]
    for thread in threads:
        thread.start()
    service.until(lambda: any(exporter.acknowledged > 0 for exporter in exporters))
    is_back = any(_back_s(service, life) < 1.0 for life in (2, 3, 4))
    for thread in threads:
        thread.join(DEADLINE_S)
    for provider in providers:
        provider.shutdown()
    assert is_back
    status = service.advance(120)
    acknowledged = sum(exporter.acknowledged for exporter in exporters)
    assert acknowledged == sum(exporter.sent for exporter in exporters) == 8000
    # a request whose answer was lost with the receiver comes twice: kept, and counted once
    assert status["freshness"]["traces"]["rows"] >= acknowledged
    assert sum(row["span_count"] for row in status["services"]) == acknowledged


def test_a_killed_brain_comes_back_and_receivers_find_it(service: Any) -> None:
    exporter = Spans(endpoint=service.otlp, insecure=True)
    service.kill("brain")
    provider = _spans(exporter, 100)
    assert provider.force_flush(30_000)
    provider.shutdown()
    assert exporter.acknowledged == 100
    assert len(service.pids("brain")) == 2
    assert service.status()["freshness"]["traces"]["rows"] == 100
    service.let_go()
    service.find_clock()
    notes = service.advance(10)["notes"]
    assert any("gap that is ours" in note and "started anew" in note for note in notes)
