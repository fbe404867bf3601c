"""The hand-over to the brain: nothing is acknowledged that the brain has not kept."""

import threading
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from knowledge.frames import FrameAnswer, FrameHead
from tests.receiver.house import DEADLINE_S, Brain, House, Start, wait_until


def body(name: str) -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=name)
    span.trace_id, span.span_id = b"t" * 16, b"s" * 8
    span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    return request.SerializeToString()


def names(brain: Brain) -> list[str]:
    return list(brain.table().column("name").to_pylist()) if brain.rows else []


def connects(house: House) -> None:
    wait_until(lambda: house.receiver.connected, "receiver connects to the brain")


def test_absent_brain_is_unavailable_at_once_and_counted(start: Start, brain: Brain) -> None:
    brain.stop()
    house = start(wait=False)
    error = house.sender.refused(body("early"))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "google.rpc.retryinfo-bin" in dict(error.trailing_metadata())
    assert house.receiver.counters.snapshot()["refused_brain_absent"] == 1
    brain.start()
    connects(house)
    assert house.sender.export(body("late")) == b""
    assert names(brain) == ["late"]


def test_unanswered_frame_is_sent_again_under_its_name_and_kept_once(
    start: Start, brain: Brain
) -> None:
    heads: list[FrameHead] = []

    def forget_the_first_answer(head: FrameHead) -> FrameAnswer | None:
        heads.append(head)
        return None if len(heads) == 1 else brain.kept(head)

    brain.respond = forget_the_first_answer
    house = start()
    waiting = house.sender.future(body("twice"))
    wait_until(lambda: len(heads) == 1, "the frame reaches the brain")
    brain.hang_up()
    assert waiting.result(DEADLINE_S) == b""
    assert heads == [heads[0]] * 2
    assert names(brain) == ["twice"]


def test_brain_that_restarts_under_load_misses_nothing_acknowledged(
    start: Start, brain: Brain
) -> None:
    house = start(handover_timeout_s=0.5)
    acknowledged: list[str] = []
    refused: list[Any] = []
    stop = threading.Event()

    def send(worker: int) -> None:
        number = 0
        while not stop.is_set():
            name = f"{worker}/{number}"
            number += 1
            try:
                house.sender.export(body(name))
                acknowledged.append(name)
            except grpc.RpcError as error:
                refused.append(error.code())

    workers = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(3):
        before = len(acknowledged)
        wait_until(lambda mark=before: len(acknowledged) > mark + 20, "requests flow")  # type: ignore[misc]
        brain.stop()
        missed = len(refused)
        wait_until(lambda mark=missed: len(refused) > mark, "requests are refused")  # type: ignore[misc]
        brain.start()
        connects(house)
    stop.set()
    for worker in workers:
        worker.join(DEADLINE_S)
    assert set(acknowledged) <= set(names(brain))
    assert set(refused) == {grpc.StatusCode.UNAVAILABLE}


@pytest.mark.parametrize(
    ("outcome", "code", "count"),
    [
        ("full", grpc.StatusCode.UNAVAILABLE, "refused_brain_full"),
        ("broken", grpc.StatusCode.INTERNAL, "refused_broken"),
    ],
)
def test_what_the_brain_refuses_is_refused_to_the_sender(
    start: Start, brain: Brain, outcome: Any, code: grpc.StatusCode, count: str
) -> None:
    brain.respond = lambda head: FrameAnswer(
        epoch=head.epoch, sequence=head.sequence, outcome=outcome, reason="told by the brain"
    )
    house = start()
    error = house.sender.refused(body("unlucky"))
    assert error.code() is code
    assert error.details() == "told by the brain"
    assert ("google.rpc.retryinfo-bin" in dict(error.trailing_metadata())) == (outcome == "full")
    assert house.receiver.counters.snapshot()[count] == 1
    assert "spans" not in house.receiver.counters.snapshot()


def test_silent_brain_is_unavailable_when_the_time_is_over(start: Start, brain: Brain) -> None:
    brain.respond = lambda _: None
    house = start(handover_timeout_s=0.3)
    error = house.sender.refused(body("waits"))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert house.receiver.counters.snapshot()["refused_handover_timeout"] == 1


def test_requests_behind_a_silent_brain_time_out_too_and_later_ones_pass(
    start: Start, brain: Brain
) -> None:
    brain.respond = lambda _: None
    house = start(handover_timeout_s=0.5, frames_inflight_max=1, batch_ms=0.0)
    waiting = [house.sender.future(body(f"lost {number}")) for number in range(5)]
    for future in waiting:
        error: Any = future.exception(DEADLINE_S)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
    brain.respond = brain.kept
    brain.hang_up()
    wait_until(lambda: house.sender_passes(body("passes")), "a request passes again")
    assert "passes" in names(brain)


def test_several_frames_are_in_flight(start: Start, brain: Brain) -> None:
    held: list[FrameHead] = []

    def hold(head: FrameHead) -> None:
        held.append(head)

    brain.respond = hold
    house = start(batch_ms=0.0)
    first = house.sender.future(body("one"))
    wait_until(lambda: len(held) == 1, "the first frame arrives")
    second = house.sender.future(body("two"))
    wait_until(lambda: len(held) == 2, "the second frame arrives before the first is answered")
    brain.respond = brain.kept
    brain.hang_up()
    assert first.result(DEADLINE_S) == second.result(DEADLINE_S) == b""
    assert sorted(names(brain)) == ["one", "two"]


def test_heartbeats_carry_the_counters(start: Start, brain: Brain) -> None:
    house = start()
    house.sender.export(body("counted"))
    wait_until(
        lambda: any(beat["counters"].get("spans") == 1 for beat in brain.heartbeats),
        "a heartbeat with the counters",
    )
    assert {beat["epoch"] for beat in brain.heartbeats} == {house.receiver.epoch}


def test_stop_finishes_what_is_in_flight(start: Start, brain: Brain) -> None:
    release = threading.Event()

    def slow(head: FrameHead) -> FrameAnswer:
        release.wait(DEADLINE_S)
        return brain.kept(head)

    brain.respond = slow
    house = start()
    waiting = house.sender.future(body("last"))
    wait_until(lambda: brain.frames_seen == 1, "the request reaches the brain")
    stopping = threading.Thread(target=house.receiver.stop)
    stopping.start()
    release.set()
    assert waiting.result(DEADLINE_S) == b""
    stopping.join(DEADLINE_S)
    assert not stopping.is_alive()
    assert names(brain) == ["last"]


def test_brain_that_hangs_up_at_once_is_not_rushed(start: Start, brain: Brain) -> None:
    def hang_up(_: FrameHead) -> None:
        brain.hang_up()

    brain.respond = hang_up
    house = start(handover_timeout_s=0.5)
    assert house.sender.refused(body("never")).code() is grpc.StatusCode.UNAVAILABLE
    assert 1 < brain.frames_seen < 15
