"""What goes over the wire is OTLP as the conventions want it, in requests of bounded size."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from twin.otlp import ITEMS_MAX, Encoder
from twin.shop import SHOP

if TYPE_CHECKING:
    from tests.twin.conftest import Story

Tell = Callable[..., "Story"]


def attributes_of(holder: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes
    }


def messages_of(story: "Story", signal: str) -> list[Any]:
    exports = Encoder().exports(story.parcels)
    return [export.message for export in exports if export.signal == signal]


def spans_of(story: "Story") -> list[tuple[dict[str, Any], Any]]:
    return [
        (attributes_of(resource_spans.resource), span)
        for message in messages_of(story, "traces")
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def test_every_span_is_sent_once_in_requests_of_bounded_size(tell: Tell) -> None:
    story = tell().run(20)
    exports = [e for e in Encoder().exports(story.parcels) if e.signal == "traces"]
    assert max(export.items for export in exports) == ITEMS_MAX
    sent = [span.span_id for _, span in spans_of(story)]
    said = [span.span_id for parcel in story.parcels for span in parcel.spans]
    assert sent == said
    assert sum(export.items for export in exports) == len(said)


def test_a_resource_tells_service_version_and_pod(tell: Tell) -> None:
    story = tell().run(5)
    pods = {pod.uid: pod for pod in story.world.report().pods}
    resources = {resource["k8s.pod.uid"]: resource for resource, _ in spans_of(story)}
    assert resources.keys() <= pods.keys()
    for uid, resource in resources.items():
        assert resource["k8s.pod.name"] == pods[uid].name
        assert resource["service.name"] == pods[uid].workload.name
        assert resource["k8s.deployment.name"] == pods[uid].workload.name
        assert resource["service.namespace"] == resource["k8s.namespace.name"] == "shop"
        service = SHOP.service(resource["service.name"])
        assert resource["service.version"] == service.versions[-1]


def test_server_and_client_spans_follow_the_http_conventions(tell: Tell) -> None:
    for resource, span in spans_of(tell().run(5)):
        attributes = attributes_of(span)
        assert attributes["server.port"] == 8080
        if span.kind == Span.SpanKind.SPAN_KIND_SERVER:
            method, route = attributes["http.request.method"], attributes["http.route"]
            assert span.name == f"{method} {route}"
            assert attributes["server.address"] == resource["service.name"]
        else:
            assert span.kind == Span.SpanKind.SPAN_KIND_CLIENT
            assert attributes["service.peer.name"] == attributes["server.address"]
            assert span.name == attributes["http.request.method"]


def test_the_status_of_a_span_follows_its_response_code(tell: Tell) -> None:
    story = tell()
    story.world.inject("bad_release", "cart")
    story.run(30)
    codes = set()
    for _, span in spans_of(story):
        code = attributes_of(span).get("http.response.status_code", 0)
        is_error = span.status.code == Status.STATUS_CODE_ERROR
        assert is_error == (code >= 400 or code == 0)
        codes.add(code)
    assert {200, 500} <= codes


def test_metrics_carry_memory_usage_and_cumulative_durations(tell: Tell) -> None:
    story = tell().run(10)
    story.run(10)
    metrics = [
        metric
        for message in messages_of(story, "metrics")
        for resource_metrics in message.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
    ]
    assert {metric.name for metric in metrics} == {
        "process.memory.usage",
        "k8s.pod.memory_limit_utilization",
        "k8s.pod.cpu_limit_utilization",
        "http.server.request.duration",
    }
    counted = sum(
        point.count
        for metric in metrics
        if metric.name == "http.server.request.duration"
        for point in metric.histogram.data_points
    )
    last_10_s = sum(len(story.server_spans(service.name)) for service in SHOP.services)
    assert 1.5 * last_10_s < counted < 2.5 * last_10_s
