"""OTLP over gRPC, over a real socket: what a sender hears for each kind of request."""

import contextlib
import gzip
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from knowledge.frames import FrameAnswer, FrameHead
from tests.receiver.house import DEADLINE_S, Brain, Sender, Start, wait_until

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def traces(*names: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for name in names:
        span = scope.spans.add(name=name, trace_id=b"t" * 16, span_id=b"s" * 8)
        span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    return request


def trailers(error: Any) -> dict[str, bytes]:
    return dict(error.trailing_metadata())


def advised_delays_s(error: Any) -> tuple[float, ...]:
    """Return what Go's exporters and what Python's would wait."""
    found = trailers(error)
    status = Status.FromString(found["grpc-status-details-bin"])
    assert status.code == UNAVAILABLE.value[0]
    first, second = RetryInfo(), RetryInfo.FromString(found["google.rpc.retryinfo-bin"])
    assert status.details[0].Unpack(first)
    return tuple(info.retry_delay.ToMilliseconds() / 1e3 for info in (first, second))


def assert_told_to_come_back(error: Any) -> None:
    assert error.code() is UNAVAILABLE
    assert all(1.0 <= delay_s <= 2.0 for delay_s in advised_delays_s(error))


def test_full_success_is_an_empty_response_once_the_rows_are_kept(
    start: Start, brain: Brain
) -> None:
    house = start()
    assert house.sender.export(traces("a", "b").SerializeToString()) == b""
    assert brain.table().column("name").to_pylist() == ["a", "b"]
    counts = house.receiver.counters.snapshot()
    assert (counts["requests"], counts["spans"]) == (1, 2)
    assert (counts["accepted_spans_grpc"], counts["ack_count"]) == (2, 1)
    shop = {"namespace": "", "service": "", "accepted": 2, "rejected": 0, "inherited": 0}
    assert counts["services"] == [shop]


def test_metrics_and_logs_arrive_too(start: Start, brain: Brain) -> None:
    house = start()
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(time_unix_nano=5, as_int=7)
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=6)
    record.body.string_value = "hello"
    assert house.sender.export(metrics.SerializeToString(), "metrics") == b""
    assert house.sender.export(logs.SerializeToString(), "logs") == b""
    assert brain.table("metrics").column("value").to_pylist() == [7.0]
    assert brain.table("logs").column("template").to_pylist() == [record.body.string_value]


def test_gzip_is_understood(start: Start, brain: Brain) -> None:
    body = traces("zipped").SerializeToString()
    start().sender.export(body, compression=grpc.Compression.Gzip)
    assert brain.table().column("name").to_pylist() == ["zipped"]


def test_empty_request_succeeds_even_without_a_brain(start: Start, brain: Brain) -> None:
    brain.stop()
    house = start(wait=False)
    assert house.sender.export(b"") == b""


def test_request_without_items_succeeds_and_sends_nothing(start: Start, brain: Brain) -> None:
    house = start()
    assert house.sender.export(traces().SerializeToString()) == b""
    assert brain.frames_seen == 0


def test_malformed_request_is_an_invalid_argument_and_its_neighbour_passes(
    start: Start, brain: Brain
) -> None:
    house = start(batch_ms=200.0)
    good = house.sender.future(traces("good").SerializeToString())
    bad = house.sender.future(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
    assert good.result(DEADLINE_S) == b""
    error: Any = bad.exception(DEADLINE_S)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "grpc-status-details-bin" not in trailers(error)
    assert brain.table().column("name").to_pylist() == ["good"]
    assert house.receiver.counters.snapshot()["refused_malformed"] == 1


def test_too_many_items_are_an_invalid_argument_that_names_the_limit(start: Start) -> None:
    error = start(items_per_request_max=10).sender.refused(
        traces(*"abcdefghijk").SerializeToString()
    )
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "items_per_request_max" in error.details()


def test_unusable_rows_are_counted_in_partial_success(start: Start, brain: Brain) -> None:
    request = traces("kept", "short id", "short id", "no end")
    _, short, other, endless = request.resource_spans[0].scope_spans[0].spans
    short.trace_id = other.trace_id = b"short"
    endless.end_time_unix_nano = 0
    house = start()
    response = house.sender.export(request.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(response).partial_success
    assert partial.rejected_spans == 3
    assert "2 with invalid trace id" in partial.error_message
    assert "1 with no start or end time" in partial.error_message
    assert brain.table().column("name").to_pylist() == ["kept"]
    assert house.receiver.counters.snapshot()["rejected_invalid_trace_id"] == 2


def test_negative_duration_is_kept_as_none_and_counted(start: Start, brain: Brain) -> None:
    request = traces("backwards")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = 9, 4
    house = start()
    assert house.sender.export(request.SerializeToString()) == b""
    table = brain.table()
    assert table.column("start_unix_ns").to_pylist() == table.column("end_unix_ns").to_pylist()
    assert house.receiver.counters.snapshot()["repaired_negative_duration"] == 1


@pytest.mark.parametrize(
    "limits", [{"workers": 1}, {"inflight_bytes_max": 100}], ids=["requests", "bytes"]
)
def test_overload_is_unavailable_with_a_delay_in_both_trailers(
    start: Start, brain: Brain, limits: dict[str, int]
) -> None:
    release = threading.Event()

    def slow(head: FrameHead) -> FrameAnswer:
        release.wait(DEADLINE_S)
        return brain.kept(head)

    brain.respond = slow
    house = start(**limits)
    first = house.sender.future(traces("first").SerializeToString())
    wait_until(lambda: brain.frames_seen == 1, "the first request reaches the brain")
    assert_told_to_come_back(house.sender.refused(traces("second").SerializeToString()))
    release.set()
    assert first.result(DEADLINE_S) == b""
    assert house.receiver.counters.snapshot()["refused_overloaded"] == 1
    assert brain.table().column("name").to_pylist() == ["first"]


def test_request_beyond_the_size_limit_is_refused_for_good(start: Start, brain: Brain) -> None:
    house = start(max_message_bytes=100_000)
    error = house.sender.refused(b"\x0a" * 100_001)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in trailers(error)
    assert brain.frames_seen == 0


def test_size_limit_holds_for_the_inflated_request(start: Start, brain: Brain) -> None:
    bomb = b"\x0a" * 50_000_000
    assert len(gzip.compress(bomb)) < 100_000
    house = start(max_message_bytes=100_000)
    with pytest.raises(grpc.RpcError) as caught:
        house.sender.export(bomb, compression=grpc.Compression.Gzip)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert house.sender.export(traces("alive").SerializeToString()) == b""
    assert brain.table().num_rows == 1


RUN = (
    "import sys; from receiver.main import run; from receiver.settings import ReceiverSettings; "
    "sys.exit(run(ReceiverSettings(grpc_listen=sys.argv[1], "
    "brain_socket=sys.argv[2], http_listen='127.0.0.1:0')))"
)


def test_process_says_where_it_listens_and_ends_cleanly_on_sigterm(brain: Brain) -> None:
    command = [sys.executable, "-c", RUN, "127.0.0.1:0", str(brain.path)]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
        contextlib.ExitStack() as at_the_end,
    ):
        at_the_end.callback(process.kill)  # a failed assertion must not wait for it
        assert process.stderr is not None
        line = process.stderr.readline().split()
        assert line[:2] == ["receiver", "listening"]
        told = dict(word.split("=") for word in line[2:])
        sender = Sender(told["grpc"])
        wait_until(lambda: bool(brain.connections), "receiver connects to the brain")
        assert sender.export(traces("a").SerializeToString()) == b""
        assert {epoch for epoch, _ in brain.rows} == {told["epoch"]}
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
        sender.close()


def test_taken_port_ends_the_process_with_the_address_and_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        command = [sys.executable, "-c", RUN, address, str(tmp_path / "none.sock")]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert ended.returncode == 3
    assert address in ended.stderr
    assert "receiver.grpc.listen" in ended.stderr
    assert "Traceback" not in ended.stderr
