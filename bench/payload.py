"""The pinned payload: export requests of realistic spans, the same bytes for each target and run.

A span is a server or a client call of a small shop with ten attributes, about 420 bytes on the
wire; a request holds several resources, as a Collector's batches do.
"""

import random
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

SEED: Final = 20_260_101
SPANS_PER_RESOURCE: Final = 512
MARK: Final = b"\x93\xe1MARK\xa7\x1d"
"""The first half of each trace id, which `fresh` makes anew for each request that is sent."""
SERVICES: Final = ("frontend", "cart", "checkout", "payment", "shipping", "catalogue", "email")
ROUTES: Final = ("/api/cart/{id}", "/api/checkout", "/api/products/{id}", "/api/recommendations")
USER_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def _attribute(key: str, value: str | int) -> KeyValue:
    attribute = KeyValue(key=key)
    if isinstance(value, int):
        attribute.value.int_value = value
    else:
        attribute.value.string_value = value
    return attribute


def _resource(into: ResourceSpans, service: str, rng: random.Random) -> None:
    pod = f"{service}-{rng.randrange(16**9):09x}-{rng.randrange(16**5):05x}"
    labels = {
        "service.name": service,
        "service.namespace": "shop",
        "service.version": f"1.{rng.randrange(30)}.{rng.randrange(10)}",
        "service.instance.id": f"shop.{pod}.{service}",
        "k8s.namespace.name": "shop",
        "k8s.pod.name": pod,
        "k8s.pod.uid": f"{rng.randrange(16**32):032x}",
        "telemetry.sdk.language": "java",
    }
    into.resource.attributes.extend(_attribute(key, value) for key, value in labels.items())


def _span(into: Span, index: int, start_unix_ns: int, rng: random.Random) -> None:
    route = rng.choice(ROUTES)
    path = route.replace("{id}", f"{rng.randrange(10**6):06d}")
    peer = rng.choice(SERVICES)
    is_client = index % 2 == 1
    into.trace_id = MARK + rng.randbytes(8)
    into.span_id = rng.randbytes(8)
    into.parent_span_id = rng.randbytes(8)
    into.name = f"GET {route}"
    into.kind = Span.SPAN_KIND_CLIENT if is_client else Span.SPAN_KIND_SERVER
    into.start_time_unix_nano = start_unix_ns - rng.randrange(10**9, 2 * 10**9)
    into.end_time_unix_nano = into.start_time_unix_nano + rng.randrange(10**5, 10**9)
    into.flags = 0x101
    attributes: dict[str, str | int] = {
        "http.request.method": "GET",
        "http.response.status_code": rng.choice((200,) * 95 + (404,) * 3 + (500, 503)),
        "server.address": f"{peer}.shop.svc",
        "server.port": 8080,
        "network.protocol.version": "1.1",
        "thread.id": rng.randrange(200),
    }
    if is_client:
        attributes |= {
            "url.full": f"http://{peer}.shop.svc:8080{path}",
            "service.peer.name": peer,
            "http.request.resend_count": 0,
            "thread.name": f"http-nio-8080-exec-{rng.randrange(200)}",
        }
    else:
        attributes |= {
            "http.route": route,
            "url.path": path,
            "client.address": f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
            "user_agent.original": USER_AGENT,
        }
    into.attributes.extend(_attribute(key, value) for key, value in attributes.items())
    if attributes["http.response.status_code"] in (500, 503):
        into.status.code = Status.STATUS_CODE_ERROR


def trace_requests(count: int, *, spans_per_request: int, start_unix_ns: int) -> tuple[bytes, ...]:
    """Return `count` different serialized ExportTraceServiceRequests.

    All but the times is pinned: a service that keeps windows wants spans of now. The spans have
    ended within the two seconds before `start_unix_ns`.
    """
    rng = random.Random(SEED)
    requests = []
    for _ in range(count):
        request = ExportTraceServiceRequest()
        for first in range(0, spans_per_request, SPANS_PER_RESOURCE):
            group = request.resource_spans.add()
            _resource(group, rng.choice(SERVICES), rng)
            scope = group.scope_spans.add()
            scope.scope.name = "io.opentelemetry.http"
            for index in range(min(SPANS_PER_RESOURCE, spans_per_request - first)):
                _span(scope.spans.add(), index, start_unix_ns, rng)
        requests.append(request.SerializeToString())
    return tuple(requests)


def fresh(body: bytes, number: int) -> bytes:
    """Return `body` with trace ids that no other `number` has: nobody may take it for a repeat."""
    return body.replace(MARK, number.to_bytes(len(MARK), "big"))
