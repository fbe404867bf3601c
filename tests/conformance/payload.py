"""Requests that the checks send: small, valid, and of now."""

import time
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SIGNALS: Final = ("traces", "metrics", "logs")
RESPONSES: Final[dict[str, Any]] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
TRACE_ID: Final = bytes.fromhex("5b8efff798038103d269b633813fc60c")
SPAN_ID: Final = bytes.fromhex("eee19b7ec3c1b174")
MIB: Final = 2**20
UNKNOWN_FIELD: Final = b"\xca\x3e\x05later"
"""Field 1001, of a version of OTLP that is to come."""

MALFORMED: Final = b"\x0a\xff\xff\xff\xff\x0fnot an export request"
RETRY_INFO: Final = b"google.rpc.RetryInfo"


def trace() -> ExportTraceServiceRequest:
    """One span."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "conformance"
    span = group.scope_spans.add().spans.add(trace_id=TRACE_ID, span_id=SPAN_ID, name="check")
    span.end_time_unix_nano = time.time_ns()
    span.start_time_unix_nano = span.end_time_unix_nano - 1_000_000
    span.kind = Span.SPAN_KIND_SERVER
    return request


def metric() -> ExportMetricsServiceRequest:
    """One point of each kind of metric."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = "conformance"
    metrics = group.scope_metrics.add().metrics
    now = time.time_ns()
    metrics.add(name="gauge").gauge.data_points.add(time_unix_nano=now, as_double=1.5)
    total = metrics.add(name="sum").sum
    total.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    total.is_monotonic = True
    total.data_points.add(start_time_unix_nano=now - 10**9, time_unix_nano=now, as_int=3)
    histogram = metrics.add(name="histogram").histogram
    histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    histogram.data_points.add(
        time_unix_nano=now, count=2, sum=3.0, bucket_counts=[1, 1], explicit_bounds=[1.0]
    )
    exponential = metrics.add(name="exponential").exponential_histogram
    exponential.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    exponential.data_points.add(time_unix_nano=now, count=1, scale=2).positive.bucket_counts.append(
        1
    )
    metrics.add(name="summary").summary.data_points.add(time_unix_nano=now, count=1, sum=1.0)
    return request


def log() -> ExportLogsServiceRequest:
    """One record."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "conformance"
    record = group.scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
    record.severity_number = SeverityNumber.SEVERITY_NUMBER_INFO
    record.body.string_value = "a line"
    return request


def of(signal: str) -> Any:
    """A valid request of a signal."""
    return {"traces": trace, "metrics": metric, "logs": log}[signal]()


def with_values_of_all_kinds() -> ExportTraceServiceRequest:
    """A span whose attributes have each kind of value, also none."""
    request = trace()
    values = [
        AnyValue(),
        AnyValue(bytes_value=b"\xff\x00"),
        AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(bool_value=True)])),
        AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="inner", value=AnyValue())])),
        AnyValue(double_value=0.5),
    ]
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.extend(KeyValue(key=f"key{n}", value=value) for n, value in enumerate(values))
    return request


def empty_envelopes() -> ExportTraceServiceRequest:
    """Resources and scopes with nothing inside."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add()
    request.resource_spans.add().scope_spans.add()
    return request


def of_size(size_bytes: int) -> bytes:
    """A valid request of logs, so large."""
    request = log()
    request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = "x" * size_bytes
    return bytes(request.SerializeToString())
