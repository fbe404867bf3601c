"""What OTLP asks of a receiver of JSON."""

import gzip
import json
import time
from typing import Any, Final

from tests.conformance.asking import JSON, ask, assert_full_success, assert_refused
from tests.conformance.check import Suite
from tests.conformance.payload import SIGNALS, SPAN_ID, TRACE_ID

IN_JSON: Final = Suite("http")
TYPE: Final = JSON["Content-Type"]
RESOURCE: Final = {"attributes": [{"key": "service.name", "value": {"stringValue": "conformance"}}]}


def _span(**fields: Any) -> dict[str, Any]:
    now = time.time_ns()
    span = {
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
        "name": "check",
        "kind": 2,
        "startTimeUnixNano": str(now - 1_000_000),
        "endTimeUnixNano": str(now),
    }
    return span | fields


def _traces(**fields: Any) -> dict[str, Any]:
    scope = {"scope": {"name": "suite"}, "spans": [_span(**fields)]}
    return {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [scope]}]}


def _metrics() -> dict[str, Any]:
    now = str(time.time_ns())
    point = {"timeUnixNano": now, "asInt": "3"}
    histogram = {
        "aggregationTemporality": 1,
        "dataPoints": [
            {"timeUnixNano": now, "count": "1", "bucketCounts": ["1", "0"], "explicitBounds": [1]}
        ],
    }
    metrics = [
        {"name": "gauge", "gauge": {"dataPoints": [point]}},
        {"name": "histogram", "histogram": histogram},
    ]
    return {"resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"metrics": metrics}]}]}


def _logs() -> dict[str, Any]:
    record = {
        "timeUnixNano": str(time.time_ns()),
        "severityNumber": 9,
        "body": {"stringValue": "a line"},
    }
    return {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"logRecords": [record]}]}]}


_BODIES: Final = {"traces": _traces, "metrics": _metrics, "logs": _logs}


def _takes(endpoint: str, tree: Any, **headers: str) -> None:
    answer = ask(endpoint, "traces", json.dumps(tree).encode(), {**JSON, **headers})
    assert_full_success(answer, "traces", TYPE)


def _per_signal(signal: str) -> None:
    IN_JSON.add(
        f"JSON, full success, {signal}",
        "JSON in, JSON out: 200 with the response of the signal (OTLP/HTTP Response)",
        lambda endpoint: assert_full_success(
            ask(endpoint, signal, json.dumps(_BODIES[signal]()).encode(), JSON), signal, TYPE
        ),
    )
    IN_JSON.add(
        f"JSON, empty request, {signal}",
        "A server that receives an empty request should respond with success (Full Success)",
        lambda endpoint: assert_full_success(ask(endpoint, signal, b"{}", JSON), signal, TYPE),
    )
    IN_JSON.add(
        f"JSON, malformed request, {signal}",
        "What cannot be decoded is answered 400 with a google.rpc.Status in JSON (Bad Data)",
        lambda endpoint: assert_refused(ask(endpoint, signal, b'{"resource', JSON), 400, TYPE),
    )


for _signal in SIGNALS:
    _per_signal(_signal)


@IN_JSON.check("JSON, upper-case ids", "Ids are hexadecimal, in either case (JSON Encoding)")
def _upper(endpoint: str) -> None:
    ids = {"traceId": TRACE_ID.hex().upper(), "spanId": SPAN_ID.hex().upper()}
    _takes(endpoint, _traces(**ids, links=[ids]))


@IN_JSON.check("JSON, unknown fields", "Unknown field names are ignored (JSON Encoding)")
def _unknown(endpoint: str) -> None:
    _takes(endpoint, _traces(fieldOfTheFuture={"any": [1, None]}) | {"another": "one"})


@IN_JSON.check("JSON, 64-bit integers as numbers", "64-bit integers may be numbers or strings")
def _numbers(endpoint: str) -> None:
    now = time.time_ns()
    value = {"key": "k", "value": {"intValue": 7}}
    _takes(endpoint, _traces(startTimeUnixNano=now - 5, endTimeUnixNano=now, attributes=[value]))


@IN_JSON.check("JSON, 64-bit integers as strings", "64-bit integers may be numbers or strings")
def _strings(endpoint: str) -> None:
    _takes(endpoint, _traces(attributes=[{"key": "k", "value": {"intValue": "7"}}]))


@IN_JSON.check("JSON, null", "A field that is null has its default value (ProtoJSON)")
def _null(endpoint: str) -> None:
    _takes(endpoint, _traces(parentSpanId=None, attributes=None, status=None))


@IN_JSON.check("JSON, missing fields", "A field that is missing has its default value (ProtoJSON)")
def _missing(endpoint: str) -> None:
    tree = _traces()
    del tree["resourceSpans"][0]["resource"]
    del tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["kind"]
    _takes(endpoint, tree)


@IN_JSON.check("JSON, enumerations as integers", "Enumerations are integers (JSON Encoding)")
def _enumerations(endpoint: str) -> None:
    _takes(endpoint, _traces(kind=3, status={"code": 2, "message": "failed"}))


@IN_JSON.check("JSON, bytes", "Bytes other than ids are base64 (ProtoJSON)")
def _bytes(endpoint: str) -> None:
    _takes(endpoint, _traces(attributes=[{"key": "k", "value": {"bytesValue": "/wA="}}]))


@IN_JSON.check("JSON, special doubles", "NaN and infinities are strings (ProtoJSON)")
def _doubles(endpoint: str) -> None:
    values = [{"key": text, "value": {"doubleValue": text}} for text in ("NaN", "-Infinity")]
    _takes(endpoint, _traces(attributes=values))


@IN_JSON.check("JSON, nested values", "Attribute values may be lists and maps (JSON Encoding)")
def _nested(endpoint: str) -> None:
    inner = {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": False}}]}}
    value = {"arrayValue": {"values": [inner, {}, {"doubleValue": 1}]}}
    _takes(endpoint, _traces(attributes=[{"key": "k", "value": value}]))


@IN_JSON.check("JSON, type with parameters", "A media type may have parameters (RFC 9110, 8.3.1)")
def _parameters(endpoint: str) -> None:
    _takes(endpoint, _traces(), **{"Content-Type": f"{TYPE}; charset=utf-8"})


@IN_JSON.check("JSON, gzip", "The body may be compressed with gzip (OTLP/HTTP Request)")
def _gzip(endpoint: str) -> None:
    body = gzip.compress(json.dumps(_traces()).encode())
    answer = ask(endpoint, "traces", body, {**JSON, "Content-Encoding": "gzip"})
    assert_full_success(answer, "traces", TYPE)
