"""What attributes mean: errors re-derived from codes, names and places under old and new keys."""

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from receiver.decode import decode

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
UNSET, OK, ERROR = 0, 1, 2


def attribute(key: str, value: Any) -> KeyValue:
    match value:
        case bool():
            return KeyValue(key=key, value=AnyValue(bool_value=value))
        case int():
            return KeyValue(key=key, value=AnyValue(int_value=value))
        case float():
            return KeyValue(key=key, value=AnyValue(double_value=value))
        case _:
            return KeyValue(key=key, value=AnyValue(string_value=value))


def request(
    *,
    kind: int = SERVER,
    status: int = UNSET,
    attributes: dict[str, Any] | None = None,
    resource: dict[str, Any] | None = None,
) -> ExportTraceServiceRequest:
    built = ExportTraceServiceRequest()
    group = built.resource_spans.add()
    group.resource.attributes.extend(attribute(k, v) for k, v in (resource or {}).items())
    span = group.scope_spans.add().spans.add()
    span.trace_id, span.span_id = b"t" * 16, b"s" * 8
    span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    span.kind = kind  # type: ignore[assignment]  # an open enumeration
    span.status.code = status  # type: ignore[assignment]  # an open enumeration
    span.attributes.extend(attribute(k, v) for k, v in (attributes or {}).items())
    return built


def row(body: bytes) -> dict[str, Any]:
    decoded = decode("traces", [body], items_max=100)
    assert decoded.outcomes == ({},)
    return dict(decoded.rows.to_pylist()[0])


@pytest.mark.parametrize(
    ("kind", "status", "attributes", "is_error"),
    [
        (INTERNAL, ERROR, {}, True),
        (SERVER, OK, {}, False),
        (SERVER, UNSET, {"http.response.status_code": 500}, True),
        (SERVER, UNSET, {"http.status_code": 503}, True),
        (SERVER, UNSET, {"http.status_code": "503"}, True),
        (SERVER, UNSET, {"http.response.status_code": 200, "http.status_code": 500}, False),
        (SERVER, UNSET, {"http.status_code": 500, "http.response.status_code": 200}, False),
        (SERVER, UNSET, {"http.response.status_code": 404}, False),
        (SERVER, ERROR, {"http.response.status_code": 404}, False),
        (SERVER, ERROR, {"http.response.status_code": 200}, True),
        (SERVER, ERROR, {"http.response.status_code": "no number"}, True),
        (SERVER, UNSET, {"http.response.status_code": 70_000}, False),
        (SERVER, UNSET, {"http.response.status_code": 2**62}, False),
        (CLIENT, ERROR, {"http.response.status_code": 404}, True),
        (CLIENT, UNSET, {"http.response.status_code": 500}, False),
        (SERVER, UNSET, {"rpc.grpc.status_code": 14}, True),
        (SERVER, UNSET, {"rpc.status_code": "INTERNAL"}, True),
        (SERVER, UNSET, {"rpc.response.status_code": "DATA_LOSS"}, True),
        (SERVER, UNSET, {"rpc.response.status_code": "unavailable"}, True),
        (SERVER, UNSET, {"rpc.grpc.status_code": "4"}, True),
        (SERVER, ERROR, {"rpc.grpc.status_code": 5}, False),
        (SERVER, ERROR, {"rpc.grpc.status_code": 17}, True),
        (SERVER, ERROR, {"rpc.grpc.status_code": -1}, True),
        (SERVER, ERROR, {"rpc.response.status_code": "NOT_FOUND"}, False),
        (SERVER, UNSET, {"rpc.response.status_code": "RESOURCE_EXHAUSTED"}, False),
        (CLIENT, UNSET, {"rpc.response.status_code": "NOT_FOUND"}, True),
        (CLIENT, ERROR, {"rpc.response.status_code": "OK"}, False),
        (CONSUMER, UNSET, {"rpc.response.status_code": "INTERNAL"}, False),
    ],
)
def test_error_is_derived_from_codes_before_status(
    kind: int, status: int, attributes: dict[str, Any], *, is_error: bool
) -> None:
    built = request(kind=kind, status=status, attributes=attributes)
    assert row(built.SerializeToString())["is_error"] is is_error


@pytest.mark.parametrize(
    ("kind", "attributes", "peer"),
    [
        (CLIENT, {"server.address": "a", "service.peer.name": "b"}, "b"),
        (CLIENT, {"peer.service": "c", "server.address": "a"}, "c"),
        (CLIENT, {"net.peer.name": "d"}, "d"),
        (PRODUCER, {"server.address": "kafka"}, "kafka"),
        (SERVER, {"server.address": "itself"}, ""),
        (CONSUMER, {"server.address": "kafka"}, ""),
        (CLIENT, {"server.address": ""}, ""),
        (CLIENT, {}, ""),
    ],
)
def test_peer_is_the_callee_as_the_caller_names_it(
    kind: int, attributes: dict[str, Any], peer: str
) -> None:
    assert row(request(kind=kind, attributes=attributes).SerializeToString())["peer"] == peer


@pytest.mark.parametrize(
    ("resource", "labels"),
    [
        ({}, ("", "", "", "", "")),
        ({"service.name": "cart", "service.namespace": "shop"}, ("shop", "cart", "", "", "")),
        ({"k8s.namespace.name": "k", "service.namespace": "shop"}, ("shop", "", "", "", "")),
        ({"k8s.namespace.name": "k", "service.namespace": ""}, ("k", "", "", "", "")),
        ({"k8s.namespace.name": "k"}, ("k", "", "", "", "")),
        ({"k8s.pod.name": "p", "k8s.pod.uid": "u"}, ("", "", "", "p", "u")),
        ({"service.version": 1.5}, ("", "", "1.5", "", "")),
        ({"service.version": 7}, ("", "", "7", "", "")),
        ({"service.name": True}, ("", "true", "", "", "")),
    ],
)
def test_labels_come_from_the_resource(resource: dict[str, Any], labels: tuple[str, ...]) -> None:
    found = row(request(resource=resource).SerializeToString())
    names = ("namespace", "service", "version", "pod", "pod_uid")
    assert tuple(found[name] for name in names) == labels


def field(number: int, payload: bytes) -> bytes:
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


@pytest.mark.parametrize(
    ("kind", "attributes", "address"),
    [
        (CLIENT, {"upstream_address": "10.0.0.1:80", "server.address": "a"}, "10.0.0.1:80"),
        (CLIENT, {"server.address": "cart", "server.port": 8080}, "cart:8080"),
        (CLIENT, {"network.peer.address": "10.0.0.2", "server.port": 80}, "10.0.0.2:80"),
        (CLIENT, {"net.peer.ip": "10.0.0.2", "net.peer.port": "80"}, "10.0.0.2:80"),
        (CLIENT, {"server.address": "::1", "server.port": 80}, "[::1]:80"),
        (CLIENT, {"server.address": "cart"}, ""),
        (CLIENT, {"network.peer.port": 80}, ""),
        (SERVER, {"upstream_address": "10.0.0.1:80"}, ""),
        (SERVER, {"server.address": "cart", "server.port": 8080}, ""),
    ],
)
def test_address_is_the_instance_that_was_called(
    kind: int, attributes: dict[str, Any], address: str
) -> None:
    assert row(request(kind=kind, attributes=attributes).SerializeToString())["address"] == address


KEY = b"peer.service"
VALUE = field(2, field(1, b"cart"))


@pytest.mark.parametrize(
    "raw",
    [
        field(1, KEY) + VALUE,
        VALUE + field(1, KEY),
        b"\x18\x05" + field(1, KEY) + VALUE,
        b"\x0a" + bytes([len(KEY) | 0x80, 0]) + KEY + VALUE,
        b"\x8a\x00" + bytes([len(KEY)]) + KEY + VALUE,
    ],
    ids=["usual", "value first", "unknown field first", "long length", "long tag"],
)
def test_key_is_found_however_the_key_value_is_encoded(raw: bytes) -> None:
    span = request(kind=CLIENT).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    assert row(field(1, field(2, field(2, span + field(9, raw)))))["peer"] == "cart"


def test_broken_attribute_says_nothing_and_costs_nobody_anything() -> None:
    span = request(kind=CLIENT).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    broken = [b"\xff\xff", b"", b"\x0a", b"\x0a\x0cpeer.service\x12\x7f"]
    attributes = b"".join(field(9, raw) for raw in broken)
    found = row(field(1, field(2, field(2, span + attributes))))
    assert found["peer"] == ""


def test_text_that_is_not_utf8_is_repaired() -> None:
    span = request(kind=CLIENT).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    peer = field(9, field(1, KEY) + field(2, field(1, b"caf\xe9")))
    found = row(field(1, field(2, field(2, span + field(5, b"na\xefve") + peer))))
    assert (found["name"], found["peer"]) == ("na\ufffdve", "caf\ufffd")
