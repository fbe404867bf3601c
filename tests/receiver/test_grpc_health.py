"""The health service among strangers: bounded apart from exports, and sturdy."""

import gzip
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from receiver import grpc_health
from receiver.grpc_health import HEALTH_BYTES_MAX, READERS, read_request
from tests.receiver.house import DEADLINE_S, Start, wait_until
from tests.receiver.test_grpc import traces

BODY = traces("a").SerializeToString()
SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
ASKED = health_pb2.HealthCheckRequest(service=SERVICE)
CALLS = ("Check", "Watch")
UNAVAILABLE, INVALID = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", CALLS)
def test_questions_without_a_body_are_few_and_take_nothing_from_exports(
    name: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_health, "BODY_MAX_S", DEADLINE_S)
    house, ended = start(grpc_readers=1), threading.Event()

    def silent() -> Iterator[bytes]:
        ended.wait(DEADLINE_S)
        yield from ()

    with grpc.insecure_channel(house.receiver.address) as channel:
        ask = channel.stream_stream(f"/grpc.health.v1.Health/{name}")
        asked: list[Any] = [ask(silent()) for _ in range(READERS + 4)]
        wait_until(
            lambda: [call.code() for call in asked if call.done()] == [UNAVAILABLE] * 4,
            "those beyond the places are refused at once",
        )
        assert house.sender.export(BODY) == b""
        ended.set()
        for call in asked:
            call.cancel()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "body",
    [b"\x0a\xff", bytes(HEALTH_BYTES_MAX + 1), b"\x1f\x8b no gzip", gzip.compress(bytes(10**6))],
    ids=["broken", "too large", "no gzip", "a bomb"],
)
def test_what_is_no_question_is_an_invalid_argument(
    name: str, body: bytes, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    house = start(wait=False)
    with grpc.insecure_channel(house.receiver.address) as channel:
        answers = channel.unary_stream(f"/grpc.health.v1.Health/{name}")(body, timeout=DEADLINE_S)
        with pytest.raises(grpc.RpcError):
            next(answers)
        assert answers.code() is INVALID
    assert not caplog.records  # where grpcio tells of exceptions


def test_a_compressed_question_is_understood(start: Start) -> None:
    house = start(wait=False)
    with grpc.insecure_channel(house.receiver.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            service = health_pb2.HealthCheckRequest(service=SERVICE)
            assert stub.Check(service, timeout=DEADLINE_S, compression=compression).status
    assert read_request(gzip.compress(ASKED.SerializeToString())) == ASKED
