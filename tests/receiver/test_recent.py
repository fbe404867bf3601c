"""Recent requests: a trace is told in full while it is held, and never more than is bounded."""

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver import recent
from receiver.recent import RecentRequests
from tests.receiver.house import Start

TRACE, OTHER = b"t" * 16, b"o" * 16


def spans(*trace_ids: bytes, value: str = "/cart") -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "front"
    for trace_id in trace_ids:
        span = group.scope_spans.add().spans.add(trace_id=trace_id, span_id=b"s" * 8)
        span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
        span.attributes.add(key="http.route").value.string_value = value
    return request.SerializeToString()


def logs(trace_id: bytes) -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(trace_id=trace_id)
    record.body.string_value = "it failed"
    return request.SerializeToString()


def test_a_trace_is_told_with_its_resource_and_all_attributes_and_nobody_elses() -> None:
    held = RecentRequests(bytes_max=2**20)
    held.add("traces", [spans(TRACE, OTHER), spans(OTHER)])
    held.add("logs", [logs(TRACE)])
    told = held.trace(TRACE)
    (span,) = told.spans
    assert span["resource"]["attributes"][0]["value"] == {"stringValue": "front"}
    assert span["item"]["attributes"] == [{"key": "http.route", "value": {"stringValue": "/cart"}}]
    assert [log["item"]["body"] for log in told.logs] == [{"stringValue": "it failed"}]
    assert told.is_whole


def test_the_oldest_requests_go_when_the_bound_is_reached() -> None:
    body = spans(TRACE)
    held = RecentRequests(bytes_max=3 * len(body))
    held.add("traces", [body, *[spans(OTHER)] * 3])
    assert held.trace(TRACE).spans == ()
    assert len(held.trace(OTHER).spans) == 3


def test_a_request_larger_than_the_bound_is_not_held() -> None:
    held = RecentRequests(bytes_max=10)
    held.add("traces", [spans(TRACE)])
    assert held.trace(TRACE).spans == ()


def test_metrics_have_no_trace_and_are_not_held() -> None:
    held = RecentRequests(bytes_max=2**20)
    held.add("metrics", [TRACE])
    assert held.trace(TRACE).spans == ()


def test_of_a_trace_that_is_too_large_the_rest_is_left_out_and_said_so() -> None:
    held = RecentRequests(bytes_max=2**24)
    held.add("traces", [spans(*[TRACE] * 5, value="x" * 2**20)])
    told = held.trace(TRACE)
    assert (len(told.spans), told.is_whole) == (3, False)


def test_too_many_requests_of_one_trace_are_not_all_read() -> None:
    held = RecentRequests(bytes_max=2**24)
    held.add("traces", [spans(TRACE)] * (recent.REQUESTS_READ_MAX + 1))
    told = held.trace(TRACE)
    assert (len(told.spans), told.is_whole) == (recent.REQUESTS_READ_MAX, False)


def test_bytes_that_only_look_like_the_trace_are_left_out() -> None:
    held = RecentRequests(bytes_max=2**20)
    held.add("traces", [spans(OTHER, value="t" * 16), b"\xff" + TRACE])
    assert held.trace(TRACE).spans == ()


def test_what_was_acknowledged_is_held_by_the_receiver(start: Start) -> None:
    house = start()
    house.sender.export(spans(TRACE))
    assert len(house.receiver.recent.trace(TRACE).spans) == 1
