"""Parcels to OTLP export requests, cheaply: all that repeats is built once and copied.

Attribute names: opentelemetry.io/docs/specs/semconv (http, k8s, service, process).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogMessage
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from knowledge.schemas import Signal
from twin.telemetry import (
    DURATION_BOUNDS_S,
    LogRecord,
    Parcel,
    Sample,
    Source,
    SpanRecord,
    SpanShape,
)

ITEMS_MAX: Final = 2_000
"""Spans, samples or logs in one request."""

SERVER_PORT: Final = 8080
MEMORY_LIMIT_BYTES: Final = 512 * 2**20
SERVER_ERROR: Final = 500

_SCOPE: Final = InstrumentationScope(name="shop.instrumentation", version="1.0.0")
_SEVERITY: Final = {
    "INFO": SeverityNumber.SEVERITY_NUMBER_INFO,
    "ERROR": SeverityNumber.SEVERITY_NUMBER_ERROR,
}

Item = TypeVar("Item")
Request = ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One request as it goes over the wire; `items` counts spans, data points or log records."""

    signal: Signal
    items: int
    message: Request


def attribute(key: str, value: str | int) -> KeyValue:
    """Return one attribute."""
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


class Encoder:
    """Keeps what repeats: one resource per pod, one span per shape."""

    def __init__(self) -> None:
        self._resources: dict[Source, Resource] = {}
        self._shapes: dict[tuple[SpanShape, str], Span] = {}

    def exports(self, parcels: Iterable[Parcel]) -> Iterator[Export]:
        """Yield requests of at most `ITEMS_MAX` records that hold all that the parcels hold."""
        parcels = tuple(parcels)
        yield from self._traces(parcels)
        yield from self._metrics(parcels)
        yield from self._logs(parcels)

    def _traces(self, parcels: Iterable[Parcel]) -> Iterator[Export]:
        for load in _loads((parcel.source, parcel.spans) for parcel in parcels):
            message = ExportTraceServiceRequest()
            for source, spans in load:
                resource_spans = message.resource_spans.add(resource=self._resource(source))
                scope_spans = resource_spans.scope_spans.add(scope=_SCOPE)
                for record in spans:
                    self._write_span(scope_spans.spans.add(), record, source)
            items = sum(len(spans) for _, spans in load)
            yield Export(signal="traces", items=items, message=message)

    def _write_span(self, span: Span, record: SpanRecord, source: Source) -> None:
        key = record.shape, source.service
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = _span_of(record.shape, source)
        span.CopyFrom(shape)
        span.trace_id = record.trace_id
        span.span_id = record.span_id
        span.parent_span_id = record.parent_span_id
        span.start_time_unix_nano = record.start_unix_ns
        span.end_time_unix_nano = record.end_unix_ns

    def _metrics(self, parcels: Iterable[Parcel]) -> Iterator[Export]:
        for load in _loads((parcel.source, parcel.samples) for parcel in parcels):
            message, points = ExportMetricsServiceRequest(), 0
            for source, samples in load:
                resource_metrics = message.resource_metrics.add(resource=self._resource(source))
                scope_metrics = resource_metrics.scope_metrics.add(scope=_SCOPE)
                metrics = [metric for sample in samples for metric in _metrics_of(sample)]
                scope_metrics.metrics.extend(metrics)
                points += sum(_points(metric) for metric in metrics)
            yield Export(signal="metrics", items=points, message=message)

    def _logs(self, parcels: Iterable[Parcel]) -> Iterator[Export]:
        for load in _loads((parcel.source, parcel.logs) for parcel in parcels):
            message = ExportLogsServiceRequest()
            for source, logs in load:
                resource_logs = message.resource_logs.add(resource=self._resource(source))
                scope_logs = resource_logs.scope_logs.add(scope=_SCOPE)
                scope_logs.log_records.extend(_log_of(record) for record in logs)
            items = sum(len(logs) for _, logs in load)
            yield Export(signal="logs", items=items, message=message)

    def _resource(self, source: Source) -> Resource:
        resource = self._resources.get(source)
        if resource is None:
            resource = self._resources[source] = _resource_of(source)
        return resource


def _loads(
    records: Iterable[tuple[Source, tuple[Item, ...]]],
) -> Iterator[list[tuple[Source, tuple[Item, ...]]]]:
    """Yield the records in loads of at most `ITEMS_MAX`, those of a source together."""
    load: list[tuple[Source, tuple[Item, ...]]] = []
    room = ITEMS_MAX
    for source, items in records:
        rest = iter(items)
        while part := tuple(islice(rest, room)):
            load.append((source, part))
            room -= len(part)
            if room == 0:
                yield load
                load, room = [], ITEMS_MAX
    if load:
        yield load


def _resource_of(source: Source) -> Resource:
    return Resource(
        attributes=[
            attribute("service.name", source.service),
            attribute("service.namespace", source.namespace),
            attribute("service.version", source.version),
            attribute("service.instance.id", source.pod_uid),
            attribute("k8s.namespace.name", source.namespace),
            attribute("k8s.deployment.name", source.deployment),
            attribute("k8s.pod.name", source.pod),
            attribute("k8s.pod.uid", source.pod_uid),
            attribute("telemetry.sdk.language", "python"),
            attribute("telemetry.sdk.name", "opentelemetry"),
            attribute("telemetry.sdk.version", "1.38.0"),
        ]
    )


def _span_of(shape: SpanShape, source: Source) -> Span:
    """Return a span without ids and times."""
    method, route = shape.operation.split(" ", 1)
    attributes = [attribute("http.request.method", method)]
    if shape.status_code:
        attributes.append(attribute("http.response.status_code", shape.status_code))
    if shape.error_type:
        attributes.append(attribute("error.type", shape.error_type))
    if shape.kind == "server":
        name, kind = shape.operation, Span.SpanKind.SPAN_KIND_SERVER
        attributes += [
            attribute("http.route", route),
            attribute("url.scheme", "http"),
            attribute("url.path", route),
            attribute("server.address", source.service),
            attribute("server.port", SERVER_PORT),
        ]
    else:
        name, kind = method, Span.SpanKind.SPAN_KIND_CLIENT
        attributes += [
            attribute("url.full", f"http://{shape.peer}:{SERVER_PORT}{route}"),
            attribute("server.address", shape.peer),
            attribute("server.port", SERVER_PORT),
            attribute("service.peer.name", shape.peer),
        ]
    code = Status.STATUS_CODE_ERROR if shape.error_type else Status.STATUS_CODE_UNSET
    return Span(name=name, kind=kind, attributes=attributes, status=Status(code=code), flags=1)


def _log_of(record: LogRecord) -> LogMessage:
    return LogMessage(
        time_unix_nano=record.time_unix_ns,
        observed_time_unix_nano=record.time_unix_ns,
        severity_number=_SEVERITY[record.severity],
        severity_text=record.severity,
        body=AnyValue(string_value=record.body),
        trace_id=record.trace_id,
        span_id=record.span_id,
    )


def _metrics_of(sample: Sample) -> Iterator[Metric]:
    yield _gauge("process.memory.usage", "By", sample, sample.memory_ratio * MEMORY_LIMIT_BYTES)
    yield _gauge("k8s.pod.memory_limit_utilization", "1", sample, sample.memory_ratio)
    yield _gauge("k8s.pod.cpu_limit_utilization", "1", sample, sample.cpu_ratio)
    if sample.durations:
        yield _durations(sample)


def _gauge(name: str, unit: str, sample: Sample, value: float) -> Metric:
    metric = Metric(name=name, unit=unit)
    metric.gauge.data_points.add(time_unix_nano=sample.time_unix_ns, as_double=value)
    return metric


def _durations(sample: Sample) -> Metric:
    metric = Metric(name="http.server.request.duration", unit="s")
    metric.histogram.aggregation_temporality = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    )
    for point in sample.durations:
        method, route = point.operation.split(" ", 1)
        attributes = [
            attribute("http.request.method", method),
            attribute("http.route", route),
            attribute("http.response.status_code", point.status_code),
            attribute("url.scheme", "http"),
        ]
        if point.status_code >= SERVER_ERROR:
            attributes.append(attribute("error.type", str(point.status_code)))
        metric.histogram.data_points.add(
            start_time_unix_nano=sample.start_unix_ns,
            time_unix_nano=sample.time_unix_ns,
            count=sum(point.buckets),
            sum=point.sum_s,
            bucket_counts=point.buckets,
            explicit_bounds=DURATION_BOUNDS_S,
            attributes=attributes,
        )
    return metric


def _points(metric: Metric) -> int:
    return len(metric.gauge.data_points) + len(metric.histogram.data_points)
