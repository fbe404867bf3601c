"""OTLP over HTTP, over a real socket: what a sender hears for each kind of request."""

import gzip
import json
from typing import Any

import pytest
from google.rpc.error_details_pb2 import BadRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.receiver.asking import JSON, PROTOBUF, ask, counts
from tests.receiver.house import Brain, Start
from tests.receiver.test_grpc import traces

BOTH = "application/x-protobuf, application/json"
CODINGS = "gzip, deflate, identity"


def test_full_success_is_an_empty_message_once_the_rows_are_kept(
    start: Start, brain: Brain
) -> None:
    reply = ask(start(), traces("a", "b").SerializeToString())
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Content-Type"] == "application/x-protobuf"
    assert "Date" in reply.headers
    assert brain.table().column("name").to_pylist() == ["a", "b"]


def test_metrics_and_logs_arrive_too(start: Start, brain: Brain) -> None:
    house = start()
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(time_unix_nano=5, as_int=7)
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=6)
    assert ask(house, metrics.SerializeToString(), path="/v1/metrics").status == 200
    assert ask(house, logs.SerializeToString(), path="/v1/logs?x=y").status == 200
    assert brain.table("metrics").column("value").to_pylist() == [7.0]
    assert brain.table("logs").num_rows == 1


@pytest.mark.parametrize("coding", ["gzip", "GZIP"])
def test_gzip_is_understood(start: Start, brain: Brain, coding: str) -> None:
    body = gzip.compress(traces("zipped" * 5000).SerializeToString())
    assert ask(start(), body, {**PROTOBUF, "Content-Encoding": coding}).status == 200
    assert brain.table().num_rows == 1


def test_json_in_json_out(start: Start, brain: Brain) -> None:
    span = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "eee19b7ec3c1b174",
        "name": "from a browser",
        "startTimeUnixNano": "1",
        "endTimeUnixNano": 2,
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span, {**span, "spanId": "00"}]}]}]}
    house = start()
    reply = ask(
        house, json.dumps(body).encode(), {"Content-Type": "application/json; charset=utf-8"}
    )
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body) == {
        "partialSuccess": {
            "rejectedSpans": "1",
            "errorMessage": "rejected 1 with invalid span id",
        }
    }
    assert brain.table().column("name").to_pylist() == ["from a browser"]
    assert ask(house, b"{}", JSON).body == b"{}"


def test_unusable_rows_are_counted_in_partial_success(start: Start) -> None:
    request = traces("kept", "short id")
    request.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"
    reply = ask(start(), request.SerializeToString())
    assert reply.status == 200
    partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (
        1,
        "rejected 1 with invalid trace id",
    )


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", PROTOBUF),
        (b"no gzip", {**PROTOBUF, "Content-Encoding": "gzip"}),
        (b"no json", JSON),
        (b'{"resourceSpans":5}', JSON),
    ],
)
def test_what_cannot_be_decoded_is_a_bad_request(
    start: Start, body: bytes, headers: dict[str, str]
) -> None:
    house = start()
    reply = ask(house, body, headers)
    assert reply.status == 400
    if headers is JSON:
        status = json.loads(reply.body)
        assert status["code"] == 3
        assert status["message"]
    else:
        detail = BadRequest()
        assert reply.as_status().code == 3
        assert reply.as_status().details[0].Unpack(detail)
        assert detail.field_violations
    assert counts(house)["refused_malformed"] == 1


@pytest.mark.parametrize(
    ("change", "status", "header"),
    [
        ({"path": "/v1/nothing"}, 404, {}),
        ({"path": "/v1development/profiles"}, 404, {}),
        ({"path": "/"}, 404, {}),
        ({"method": "GET"}, 405, {"Allow": "POST"}),
        ({"method": "PUT"}, 405, {"Allow": "POST"}),
        ({"method": "OPTIONS"}, 405, {"Allow": "POST"}),
        ({"headers": {"Content-Type": "text/plain"}}, 415, {"Accept": BOTH}),
        ({"headers": {}}, 415, {}),
        ({"headers": {**PROTOBUF, "Content-Encoding": "zstd"}}, 415, {"Accept-Encoding": CODINGS}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", b"x" * 100])
def test_a_mistake_in_the_head_has_its_status_and_a_status_body(
    start: Start, change: dict[str, Any], status: int, header: dict[str, str], body: bytes
) -> None:
    reply = ask(start(wait=False), body, **change)
    assert reply.status == status
    assert header.items() <= reply.headers.items()
    if reply.headers["Content-Type"] == "application/json":
        assert json.loads(reply.body)["message"]
    else:
        assert reply.as_status().message


def test_refused_codings_are_counted_by_name(start: Start) -> None:
    house = start(wait=False)
    for coding in ("zstd", "x-snappy-framed", "made-up"):
        ask(house, b"x", {**PROTOBUF, "Content-Encoding": coding})
    found = {name: n for name, n in counts(house).items() if "encoding" in name}
    names = ("zstd", "x_snappy_framed", "other")
    assert found == {f"refused_encoding_{name}": 1 for name in names}
