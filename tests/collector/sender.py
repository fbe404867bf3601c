"""Spans by the official Python SDK: python -m tests.collector.sender grpc|http ENDPOINT NAME N.

One a millisecond or so, with the SDK's own batches and retries; ends with 1 if any export failed.
"""

import sys
import time
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as OverHttp
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind


class Watched(SpanExporter):
    """An exporter of the SDK's, and how often it failed."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.failures = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        self.failures += result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def main() -> int:
    protocol, endpoint, service, count = sys.argv[1:]
    inner: SpanExporter = (
        OverGrpc(endpoint=endpoint, insecure=True)
        if protocol == "grpc"
        else OverHttp(endpoint=f"http://{endpoint}/v1/traces")
    )
    exporter = Watched(inner)
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=int(count), schedule_delay_millis=200)
    )
    tracer = provider.get_tracer("test")
    for _ in range(int(count)):
        tracer.start_span("GET /", kind=SpanKind.SERVER).end()
        time.sleep(0.001)
    provider.force_flush(60_000)
    provider.shutdown()
    return int(exporter.failures > 0)


if __name__ == "__main__":
    sys.exit(main())
