"""Decoding equals a plain reading of the full OTLP messages, whatever a sender sends."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from knowledge.schemas import Signal
from receiver.decode import decode
from receiver.principals import NOBODY, Principal
from tests.receiver.metric_strategies import metrics
from tests.receiver.reference import (
    GRPC,
    HTTP,
    LABELS,
    PEERS,
    log_row,
    span_row,
)
from tests.receiver.reference_metrics import point_row
from tests.receiver.strategies import OTHER, attributes, ids, scalars, times, words

spans = st.builds(
    Span,
    trace_id=st.just(b"t" * 16) | ids,
    span_id=st.just(b"s" * 8) | ids,
    parent_span_id=ids,
    name=words,
    kind=st.sampled_from([0, 1, 2, 3, 4, 5, 6, -1, 300]),
    start_time_unix_nano=times,
    end_time_unix_nano=times,
    attributes=attributes(PEERS, HTTP, GRPC, OTHER),
    status=st.none() | st.fixed_dictionaries({"code": st.sampled_from([0, 1, 2, 3])}),
)
resources = st.none() | st.builds(
    Resource, attributes=attributes(*LABELS.values(), ("service.instance.id",))
)
records = st.builds(
    LogRecord,
    time_unix_nano=times,
    observed_time_unix_nano=times,
    severity_number=st.sampled_from([0, 9, 24, 25, -3]),
    severity_text=st.sampled_from(["", "error", "WARN", "Fatal", "words"]),
    body=st.none() | scalars,
    trace_id=ids,
    span_id=ids,
    event_name=words,
    attributes=attributes(OTHER, ("exception.type", "exception.message")),
)


def groups(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[Any, list[list[Any]]]]]:
    scopes = st.lists(st.lists(items, max_size=3), max_size=2)
    return st.lists(st.tuples(resources, scopes), max_size=3)


def build(request: Any, groups_of: str, scopes_of: str, items_of: str, content: Any) -> Any:
    for resource, scopes in content:
        group = getattr(request, groups_of).add()
        if resource is not None:
            group.resource.CopyFrom(resource)
        for items in scopes:
            getattr(getattr(group, scopes_of).add(), items_of).extend(items)
    return request


SENDERS = (
    Principal(name="gateway", services=("*",)),
    NOBODY,
    Principal(name="carts", services=("shop/c*", "/cart")),
)


def sent_by(sender: Principal, row: dict[str, Any]) -> dict[str, Any]:
    service = (row["namespace"], row["service"])
    spoken_for = {
        "gateway": True,
        "": False,
        "carts": service in {("shop", "cart"), ("", "cart")},
    }
    return {"principal": sender.name, "is_verified": spoken_for[sender.name]}


def with_ids_told(row: dict[str, Any]) -> dict[str, Any]:
    """Of what a reading cannot know only whether it is there."""
    return row | {name: True for name in ("resource_id", "stream_id") if row.get(name) is not None}


def assert_decodes_to(signal: Signal, requests: list[Any], wanted: list[list[Any]]) -> None:
    """`wanted`: per request its rows, or for an item without one the reason."""
    senders = [SENDERS[number % len(SENDERS)] for number in range(len(requests))]
    decoded = decode(
        signal,
        [request.SerializeToString() for request in requests],
        items_max=10_000,
        principals=senders,
    )
    decoded.rows.validate(full=True)
    plain = decode(
        signal,
        [request.SerializeToString() for request in requests],
        items_max=10_000,
        principals=senders,
        engine="reference",
    )
    assert plain.rows.equals(decoded.rows)
    assert plain.outcomes == decoded.outcomes
    rejected = [dict(Counter(row for row in rows if isinstance(row, str))) for rows in wanted]
    assert [dict(outcome) for outcome in decoded.outcomes] == rejected  # type: ignore[arg-type]
    kept = [
        row | sent_by(sender, row)
        for rows, sender in zip(wanted, senders, strict=True)
        for row in rows
        if isinstance(row, dict)
    ]
    found = [with_ids_told(row) for row in decoded.rows.to_pylist()]
    if signal == "metrics":  # one kind after the other
        kept.sort(key=repr)
        found.sort(key=repr)
    assert found == kept


@given(st.lists(groups(spans), min_size=1, max_size=3))
def test_spans_decode_as_a_plain_reading_says(contents: list[Any]) -> None:
    requests = [
        build(ExportTraceServiceRequest(), "resource_spans", "scope_spans", "spans", content)
        for content in contents
    ]
    wanted = [
        [
            span_row(span, group.resource)
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]
        for request in requests
    ]
    assert_decodes_to("traces", requests, wanted)


@given(st.lists(groups(records), min_size=1, max_size=3))
def test_logs_decode_as_a_plain_reading_says(contents: list[Any]) -> None:
    requests = [
        build(ExportLogsServiceRequest(), "resource_logs", "scope_logs", "log_records", content)
        for content in contents
    ]
    wanted = [
        [
            log_row(record, group.resource)
            for group in request.resource_logs
            for scope in group.scope_logs
            for record in scope.log_records
        ]
        for request in requests
    ]
    assert_decodes_to("logs", requests, wanted)


@given(st.lists(groups(metrics), min_size=1, max_size=3))
def test_metrics_decode_as_a_plain_reading_says(contents: list[Any]) -> None:
    requests = [
        build(
            ExportMetricsServiceRequest(), "resource_metrics", "scope_metrics", "metrics", content
        )
        for content in contents
    ]
    wanted = [
        [
            point_row(metric, point, group.resource)
            for group in request.resource_metrics
            for scope in group.scope_metrics
            for metric in scope.metrics
            if metric.WhichOneof("data")
            for point in getattr(metric, str(metric.WhichOneof("data"))).data_points
        ]
        for request in requests
    ]
    assert_decodes_to("metrics", requests, wanted)
