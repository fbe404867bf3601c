"""The sender rests only when all is acknowledged, and knows when to give up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from twin.model import NS_PER_S
from twin.otlp import Encoder, Export
from twin.sender import Sender, SendError
from twin.shop import SHOP
from twin.world import World

if TYPE_CHECKING:
    from tests.twin.conftest import Collector

START_UNIX_NS = 1_800_000_000 * NS_PER_S


@pytest.fixture
def exports() -> list[Export]:
    world = World(SHOP, 1, START_UNIX_NS)
    world.advance(START_UNIX_NS + 10 * NS_PER_S)
    return list(Encoder().exports(world.take_telemetry()))


@pytest.fixture
def sender(collector: "tuple[Collector, str]") -> Iterator[Sender]:
    sender = Sender(collector[1])
    yield sender
    sender.close()


@pytest.mark.parametrize(
    "refusals",
    [
        [],
        [(grpc.StatusCode.UNAVAILABLE, None), (grpc.StatusCode.UNAVAILABLE, 0.05)],
        [(grpc.StatusCode.RESOURCE_EXHAUSTED, 0.05)],
        [(grpc.StatusCode.UNAVAILABLE, 0.0)] * 9,
    ],
)
def test_a_refused_export_is_sent_again_until_it_is_acknowledged(
    collector: "tuple[Collector, str]",
    sender: Sender,
    exports: list[Export],
    refusals: list[tuple[grpc.StatusCode, float | None]],
) -> None:
    collector[0].refusals = list(refusals)
    sender.send(exports)
    assert not collector[0].refusals
    assert sender.sent == sender.acknowledged
    for signal in ("traces", "metrics"):
        wanted = sum(export.items for export in exports if export.signal == signal)
        assert sender.sent[signal] == collector[0].accepted[signal] == wanted


def test_partial_success_is_not_acknowledgement(
    collector: "tuple[Collector, str]", sender: Sender, exports: list[Export]
) -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 3
    collector[0].answer = answer.SerializeToString()
    traces = [export for export in exports if export.signal == "traces"]
    sender.send(traces)
    assert sender.acknowledged["traces"] == sender.sent["traces"] - 3 * len(traces)


@pytest.mark.parametrize(
    ("code", "retry_s"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, None),
        (grpc.StatusCode.INVALID_ARGUMENT, None),
        (grpc.StatusCode.UNAVAILABLE, 3600.0),
    ],
)
def test_what_is_not_to_be_retried_is_an_error(
    collector: "tuple[Collector, str]",
    sender: Sender,
    exports: list[Export],
    code: grpc.StatusCode,
    retry_s: float | None,
) -> None:
    collector[0].refusals = [(code, retry_s)]
    with pytest.raises(SendError, match=code.name):
        sender.send(exports)
    assert sender.sent != sender.acknowledged
