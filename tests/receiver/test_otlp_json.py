"""OTLP's JSON becomes the same bytes that a protobuf sender would write."""

import base64
import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from knowledge.schemas import Signal
from receiver import otlp_json
from receiver.otlp_json import to_protobuf
from tests.receiver.metric_strategies import metrics
from tests.receiver.test_decode_property import build, groups, records, spans

REQUESTS: dict[Signal, Any] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
TRACE = "5b8efff798038103d269b633813fc60c"
IDS = ("traceId", "spanId", "parentSpanId")


def with_hex_ids(tree: Any) -> Any:
    if isinstance(tree, list):
        return [with_hex_ids(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        name: base64.b64decode(value).hex() if name in IDS else with_hex_ids(value)
        for name, value in tree.items()
    }


def assert_same(signal: Signal, message: Any) -> None:
    tree = with_hex_ids(MessageToDict(message))
    again = REQUESTS[signal].FromString(to_protobuf(signal, json.dumps(tree).encode()))
    assert again == message


@settings(max_examples=30)
@given(groups(spans))
def test_spans_come_through(content: Any) -> None:
    request = ExportTraceServiceRequest()
    assert_same("traces", build(request, "resource_spans", "scope_spans", "spans", content))


@settings(max_examples=30)
@given(groups(records))
def test_logs_come_through(content: Any) -> None:
    request = ExportLogsServiceRequest()
    assert_same("logs", build(request, "resource_logs", "scope_logs", "log_records", content))


@settings(max_examples=30)
@given(groups(metrics))
def test_metrics_come_through(content: Any) -> None:
    request = ExportMetricsServiceRequest()
    assert_same("metrics", build(request, "resource_metrics", "scope_metrics", "metrics", content))


@pytest.mark.parametrize("signal", REQUESTS)
def test_each_type_of_field_that_otlp_has_can_be_read(signal: Signal) -> None:
    waiting, seen = [REQUESTS[signal].DESCRIPTOR], set()
    while waiting:
        message = waiting.pop()
        seen.add(message.full_name)
        assert otlp_json._fields(message)
        inner = (f.message_type for f in message.fields if f.message_type is not None)
        waiting += [one for one in inner if one.full_name not in seen]
    assert len(seen) > 5


def span_of(fields: str) -> Any:
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}'
    request = ExportTraceServiceRequest.FromString(to_protobuf("traces", body.encode()))
    return request.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    ("fields", "name", "wanted"),
    [
        ('"traceId":"5B8EFFF798038103D269B633813FC60C"', "trace_id", TRACE),
        ('"trace_id":"5b8efff798038103d269b633813fc60c"', "trace_id", TRACE),
        ('"startTimeUnixNano":"1544712660000000000"', "start_time_unix_nano", 1544712660000000000),
        ('"startTimeUnixNano":1544712660000000000', "start_time_unix_nano", 1544712660000000000),
        ('"start_time_unix_nano":5', "start_time_unix_nano", 5),
        ('"kind":2', "kind", 2),
        ('"kind":"SPAN_KIND_SERVER"', "kind", 2),
        ('"name":null', "name", ""),
        ('"unknown":{"a":[1]},"name":"x"', "name", "x"),
        ('"name":"\\ud83d"', "name", "?"),
        ('"droppedAttributesCount":1.0', "dropped_attributes_count", 1),
    ],
)  # fmt: skip
def test_lenient_in_what_it_takes(fields: str, name: str, wanted: Any) -> None:
    found = getattr(span_of(fields), name)
    assert (found.hex() if isinstance(found, bytes) else found) == wanted


def test_values_of_all_kinds_come_through_even_when_they_are_defaults() -> None:
    fields = [
        '{"key":"a","value":{"intValue":"0"}}',
        '{"key":"b","value":{"boolValue":false}}',
        '{"key":"c","value":{"doubleValue":"NaN"}}',
        '{"key":"d","value":{"bytesValue":"_-8"}}',
        '{"key":"e","value":{"arrayValue":{"values":[{"stringValue":""},{}]}}}',
        '{"key":"f","value":{"kvlistValue":{"values":[{"key":"g"}]}}}',
        '{"key":"h","value":{"intValue":-7}}',
        '{"key":"i"}',
    ]
    a, b, c, d, e, f, h, i = (
        one.value for one in span_of(f'"attributes":[{",".join(fields)}]').attributes
    )
    assert a.WhichOneof("value") == "int_value"
    assert b.WhichOneof("value") == "bool_value"
    assert math.isnan(c.double_value)
    assert d.bytes_value == b"\xff\xef"
    assert len(e.array_value.values) == 2
    assert f.kvlist_value.values[0].key == "g"
    assert h.int_value == -7
    assert i.WhichOneof("value") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"not json",
        b"\xff\xfe",
        b'{"resourceSpans":{}}',
        b'{"resourceSpans":[1]}',
        b'{"resourceSpans":[null]}',
        b'{"resourceSpans":' + b"[" * 100_000,
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":5}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1e3"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":-1}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":{"low":1,"high":2}}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"NO_SUCH"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"value":{"bytesValue":"!"}}]}]}]}]}',
        b'{"resourceSpans":[{"resource":{"attributes":[{"value":{"doubleValue":true}}]}}]}',
        b'{"resourceSpans":[{"resource":{"attributes":[{"value":{"boolValue":1.5}}]}}]}',
        b'{"resourceSpans":[{"resource":{"droppedAttributesCount":' + b"9" * 5000 + b"}}]}",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        to_protobuf("traces", body)


def test_deeply_nested_values_are_a_value_error() -> None:
    value = '{"arrayValue":{"values":[' * 500 + "{}" + "]}}" * 500
    body = f'{{"resourceSpans":[{{"resource":{{"attributes":[{{"value":{value}}}]}}}}]}}'
    with pytest.raises(ValueError, match="nested too deeply"):
        to_protobuf("traces", body.encode())


def test_the_place_of_a_mistake_is_named() -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"NO_SUCH"}]}]}]}'
    with pytest.raises(ValueError, match=r"resourceSpans: scopeSpans: spans: kind: .*NO_SUCH"):
        to_protobuf("traces", body)


def test_too_many_objects_are_refused_before_they_are_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otlp_json, "GROUPS_MAX", 10)
    with pytest.raises(ValueError, match="more than 10 objects"):
        to_protobuf("traces", b'{"resourceSpans":[' + b"{}," * 10 + b"{}]}")
