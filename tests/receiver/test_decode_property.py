"""Decoding equals a plain reading of the full OTLP messages, whatever a sender sends."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from knowledge.schemas import Signal
from receiver.decode import decode
from receiver.principals import NOBODY, Principal
from tests.receiver.reference import (
    GRPC,
    HTTP,
    INT64_MAX,
    LABELS,
    PEERS,
    log_row,
    point_row,
    span_row,
)

OTHER = ("http.route", "peer", "server.addresses", "", "é")

words = st.sampled_from(["", "cart", "shop", "200", "404", "500", "14", "INTERNAL", "not_found"])
scalars = (
    st.builds(AnyValue, string_value=words)
    | st.builds(AnyValue, int_value=st.sampled_from([0, 5, 14, 17, 200, 404, 500, 2**40, -1]))
    | st.builds(AnyValue, double_value=st.sampled_from([1.5, 200.0]))
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.just(AnyValue())
)
nested = st.builds(
    lambda values: AnyValue(array_value=ArrayValue(values=values)), st.lists(scalars, max_size=2)
)


def attributes(*groups: tuple[str, ...]) -> st.SearchStrategy[list[KeyValue]]:
    """Each key at most once, as OTLP demands."""
    keys = [key for group in groups for key in group]
    pairs = st.dictionaries(st.sampled_from(keys), scalars | nested, max_size=5)
    return pairs.map(lambda found: [KeyValue(key=key, value=v) for key, v in found.items()])


times = st.sampled_from([0, 1, 2, 10**18, INT64_MAX, 2**63, 2**64 - 1])
ids = st.sampled_from([b"", b"\0" * 8, b"\0" * 16, b"s" * 8, b"t" * 16, b"x" * 15])
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
    attributes=attributes(OTHER),
)
numbers = st.fixed_dictionaries(
    {"time_unix_nano": times, "start_time_unix_nano": times, "flags": st.sampled_from([0, 1, 2])},
    optional={"attributes": attributes(OTHER)},
)
values = st.sampled_from([{}, {"as_double": 1.5}, {"as_double": 0.0}, {"as_int": -7}])
counts = st.fixed_dictionaries({"count": st.integers(0, 5)}, optional={"sum": st.just(0.5)})
buckets = st.sampled_from([{}, {"bucket_counts": [1, 2], "explicit_bounds": [0.5]}])


def points(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    joined = st.tuples(numbers, *parts).map(
        lambda found: {k: v for d in found for k, v in d.items()}
    )
    return st.lists(joined, max_size=3)


temporality = st.sampled_from([0, 1, 2, 9])
datas: st.SearchStrategy[dict[str, Any]] = (
    st.fixed_dictionaries({"gauge": st.fixed_dictionaries({"data_points": points(values)})})
    | st.fixed_dictionaries(
        {
            "sum": st.fixed_dictionaries(
                {
                    "data_points": points(values),
                    "aggregation_temporality": temporality,
                    "is_monotonic": st.booleans(),
                }
            )
        }
    )
    | st.fixed_dictionaries(
        {
            "histogram": st.fixed_dictionaries(
                {"data_points": points(counts, buckets), "aggregation_temporality": temporality}
            )
        }
    )
    | st.fixed_dictionaries(
        {
            "exponential_histogram": st.fixed_dictionaries(
                {"data_points": points(counts), "aggregation_temporality": temporality}
            )
        }
    )
    | st.fixed_dictionaries({"summary": st.fixed_dictionaries({"data_points": points(counts)})})
    | st.just({})
)
metrics = st.builds(lambda name, data: Metric(name=name, unit="s", **data), words, datas)


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
    found = decoded.rows.to_pylist()
    if signal == "metrics":  # one kind after the other
        kept.sort(key=repr)
        found.sort(key=repr)
    assert found == kept


@settings(deadline=None)
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


@settings(deadline=None)
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


@settings(deadline=None)
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
