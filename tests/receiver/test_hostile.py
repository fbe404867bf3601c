"""Hostile requests are refused alone: the process lives and no neighbour loses a row."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from knowledge.schemas import Signal
from receiver import attributes, labels
from receiver import decode as decoding
from receiver.decode import COUNT_ON_WIRE_FROM_BYTES, decode
from receiver.flat import Rows
from receiver.principals import Principal
from receiver.projection import outline_pb2
from receiver.refusal import Refusal
from receiver.wire import count_items

NESTED_GROUPS = b"\x9b\x06" * 300_000 + b"\x9c\x06" * 300_000
WRAPPING_LENGTH = bytes.fromhex("0affffffffffffffffff01")
FIELD_ZERO = b"\x02\x00"
CRASHERS = {"nested groups": NESTED_GROUPS, "wrapping length": WRAPPING_LENGTH}


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def inside(payload: bytes, *fields: int) -> bytes:
    """Wrap `payload` in length-delimited fields, the outermost first."""
    for number in reversed(fields):
        payload = varint(number << 3 | 2) + varint(len(payload)) + payload
    return payload


def good_request(spans: int = 3) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for index in range(spans):
        span = scope.spans.add(name=f"good {index}")
        span.trace_id, span.span_id = b"t" * 16, (index + 1).to_bytes(8, "big")
        span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    return request.SerializeToString()


def assert_only_the_second_is_refused(bodies: list[bytes], reason: str) -> None:
    decoded = decode("traces", bodies, items_max=1000)
    first, bad, third = decoded.outcomes
    assert first == third == {}
    assert isinstance(bad, Refusal)
    assert bad.reason == reason
    assert decoded.rows.column("name").to_pylist() == ["good 0", "good 1", "good 2"] * 2


@pytest.mark.parametrize("crasher", CRASHERS.values(), ids=CRASHERS)
@pytest.mark.parametrize(
    "path",
    [(), (1,), (1, 1), (1, 2), (1, 2, 2), (1, 2, 2, 15)],
    ids=["request", "resource spans", "resource", "scope", "span", "status"],
)
def test_crasher_is_refused_at_each_depth(crasher: bytes, path: tuple[int, ...]) -> None:
    assert_only_the_second_is_refused(
        [good_request(), inside(crasher, *path), good_request()], "malformed"
    )


@pytest.mark.parametrize("crasher", CRASHERS.values(), ids=CRASHERS)
def test_crasher_inside_an_attribute_value_costs_nobody_a_row(crasher: bytes) -> None:
    key = inside(b"peer.service", 1)
    hostile = [
        inside(key + inside(crasher, 2), 9),
        inside(key + inside(crasher, 2, 5), 9),
        inside(key + inside(crasher, 2, 6, 1), 9),
        inside(key + crasher, 9),
        inside(crasher, 9),
    ]
    request = ExportTraceServiceRequest.FromString(good_request())
    span = request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    body = inside(span + b"\x30\x03" + b"".join(hostile), 1, 2, 2)
    decoded = decode("traces", [good_request(), body, good_request()], items_max=1000)
    assert decoded.outcomes == ({}, {}, {})
    assert len(decoded.rows) == 7


@pytest.mark.parametrize("crasher", CRASHERS.values(), ids=CRASHERS)
def test_crasher_as_resource_attribute_leaves_the_label_empty(crasher: bytes) -> None:
    name = inside(inside(b"service.name", 1) + inside(crasher, 2), 1, 1)
    request = ExportTraceServiceRequest.FromString(good_request())
    spans = inside(request.resource_spans[0].scope_spans[0].spans[0].SerializeToString(), 2, 2)
    decoded = decode("traces", [inside(name + spans, 1)], items_max=1000)
    assert decoded.rows.column("service").to_pylist() == [""]


@pytest.mark.parametrize(
    "garbage", [b"\x00", b"\x0a", b"\x0a\x05abc", b"garbage", good_request()[:-1]]
)
def test_malformed_request_fails_alone(garbage: bytes) -> None:
    assert_only_the_second_is_refused([good_request(), garbage, good_request()], "malformed")


def test_request_that_only_the_decoder_refuses_fails_alone() -> None:
    body = inside(FIELD_ZERO, 1, 2, 2, 15)
    outline_pb2.TracesOutline.FromString(body)
    assert_only_the_second_is_refused([good_request(), body, good_request()], "malformed")


def test_failure_of_ours_is_told_apart_and_stays_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    form = decoding._FORMS["traces"]

    def failing(columns: pa.RecordBatch, principals: Sequence[Principal]) -> Rows:
        if 0 in pc.list_value_length(columns.column("resource_spans")).to_pylist():
            raise RuntimeError("our bug")
        return form.rows(columns, principals)

    monkeypatch.setitem(decoding._FORMS, "traces", replace(form, rows=failing))
    assert_only_the_second_is_refused([good_request(), b"", good_request()], "broken")
    assert "our bug" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "limit", "path"),
    [(attributes, "DISTINCT_MAX", (1, 2, 2)), (labels, "ATTRIBUTES_MAX", (1, 1))],
    ids=["of spans", "of resources"],
)
def test_attributes_that_are_too_many_to_read_cost_nobody_else_anything(
    module: Any, limit: str, path: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, limit, 100)
    number = 9 if len(path) == 3 else 1
    many = b"".join(inside(b"\x12" + bytes([value]), number) for value in range(101))
    bodies = [good_request(), inside(many, *path), good_request()]
    assert_only_the_second_is_refused(bodies, "malformed")


def test_too_many_items_are_refused_with_the_limit_named() -> None:
    assert_only_the_second_is_refused(
        [good_request(), good_request(1001), good_request()], "too_many_items"
    )
    (refusal,) = decode("traces", [good_request(1001)], items_max=1000).outcomes
    assert isinstance(refusal, Refusal)
    assert "1000" in refusal.message
    assert "items_per_request_max" in refusal.message


def empty_metrics(points: int) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add()
    for _ in range(points):
        metric.gauge.data_points.add()
    return request.SerializeToString()


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        ("traces", b"\x0a\x00" * 1001),
        ("traces", inside(b"\x12\x00" * 1001, 1)),
        ("logs", inside(b"\x12\x00" * 1001, 1, 2)),
        ("metrics", empty_metrics(1001)),
    ],
    ids=["resources", "scopes", "log records", "data points"],
)
def test_items_are_counted_at_all_depths(signal: Signal, body: bytes) -> None:
    (outcome,) = decode(signal, [body], items_max=1000).outcomes
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "too_many_items"


@pytest.mark.parametrize("prefix", [b"", b"\x9b\x06\x9c\x06"], ids=["plain", "behind a group"])
def test_large_request_is_counted_before_it_is_parsed(
    prefix: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = decoding._FORMS["traces"]

    class Unparsed:
        @staticmethod
        def FromString(_: bytes) -> None:  # noqa: N802 - protobuf's name
            raise AssertionError("it was parsed")

    monkeypatch.setitem(
        decoding._FORMS,
        "traces",
        decoding._Form(
            outline=Unparsed,  # type: ignore[arg-type]  # stands in for the message
            fields=form.fields,
            path=form.path,
            rows=form.rows,
        ),
    )
    body = inside(prefix + b"\x12\x00" * COUNT_ON_WIRE_FROM_BYTES, 1, 2)
    (outcome,) = decode("traces", [body], items_max=1000).outcomes
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "too_many_items"


def test_large_honest_request_passes_the_count() -> None:
    request = ExportTraceServiceRequest.FromString(good_request())
    request.resource_spans[0].schema_url = "x" * (COUNT_ON_WIRE_FROM_BYTES + 1)
    decoded = decode("traces", [request.SerializeToString()], items_max=1000)
    assert decoded.outcomes == ({},)
    assert len(decoded.rows) == 3


@pytest.mark.parametrize("field", [b"\x08\x00", b"\x1a\x00"], ids=["number", "other"])
def test_many_tiny_fields_are_given_up_soon(field: bytes) -> None:
    body = field * (2 * COUNT_ON_WIRE_FROM_BYTES)
    wanted = (frozenset({1}), frozenset({2}))
    assert count_items(body, wanted, 1_000) == 1_001
    assert count_items(b"\x00" * len(body), wanted, 1_000) == 0, "no field has number zero"
