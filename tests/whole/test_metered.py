"""A service that sends no spans is judged by its own histograms, sent by the official SDK."""

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

pytestmark = pytest.mark.whole

ADVISED = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bounds that the semantic conventions advise, in seconds."""
COUNT = 200


def send(
    endpoint: str,
    name: str,
    durations_s: list[float],
    *,
    is_old: bool = False,
    is_exponential: bool = False,
    is_delta: bool = False,
) -> None:
    """Tell of requests, every tenth of them failed, as one generation of instrumentations does."""
    temporality: dict[type, AggregationTemporality] = {}
    if is_delta:
        temporality[Histogram] = AggregationTemporality.DELTA
    exporter = OTLPMetricExporter(
        endpoint=endpoint, insecure=True, preferred_temporality=temporality
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    exponential = View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider(
        resource=Resource.create({"service.name": name, "service.namespace": "shop"}),
        metric_readers=[reader],
        views=[exponential] if is_exponential else [],
    )
    scale = 1e3 if is_old else 1.0
    histogram = provider.get_meter("test").create_histogram(
        "http.server.duration" if is_old else "http.server.request.duration",
        unit="ms" if is_old else "s",
        explicit_bucket_boundaries_advisory=[bound * scale for bound in ADVISED],
    )
    code = "http.status_code" if is_old else "http.response.status_code"
    for half in (durations_s[: COUNT // 2], durations_s[COUNT // 2 :]):
        for index, duration_s in enumerate(half):
            status = 503 if index % 10 == 0 else 200
            histogram.record(duration_s * scale, {code: status, "http.route": f"/{index % 3}"})
        assert provider.force_flush(10_000)
    provider.shutdown()


def test_slow_services_without_spans_are_on_status_with_an_issue(service: Any) -> None:
    send(service.otlp, "cart", [3.0] * COUNT)
    send(service.otlp, "mail", [3.0] * COUNT, is_exponential=True, is_delta=True)
    send(service.otlp, "fast", [0.02] * COUNT)
    send(service.otlp, "old", [0.02] * COUNT, is_old=True)
    status = service.advance(60)
    assert status["services"] == []
    found = {row["service"]: row for row in status["metered"]}
    assert sorted(found) == ["cart", "fast", "mail", "old"]
    for row in found.values():
        assert row["request_count"] == COUNT
        assert row["error_ratio"] == 0.1
    assert (found["cart"]["p99_low_ms"], found["cart"]["p99_high_ms"]) == (2500, 3000)
    assert 2900 < found["mail"]["p99_low_ms"] <= 3000 <= found["mail"]["p99_high_ms"] < 3100
    told = ("metric", "request_count", "error_ratio", "mean_ms", "p99_low_ms", "p99_high_ms")
    assert [found["old"][name] for name in told] == [found["fast"][name] for name in told]
    issues = {issue["service"]: issue for issue in service.advance(15)["issues"]}
    assert {"shop/cart", "shop/mail"} <= issues.keys()
    assert issues["shop/cart"]["state"] == "firing"
    (line,) = [line for line in issues["shop/cart"]["evidence"] if "p99" in line]
    assert "p99 between 2,500 and 3,000 ms of 200 requests" in line
    assert "by its histogram http.server.request.duration, it sends no spans" in line
    assert issues["shop/cart"]["finding"] == "no cause in view"
    assert issues["shop/cart"]["plan"] is None
