"""Too much, and a receiver that stays within its memory: it refuses early, and at every door."""

import gzip
import socket
from typing import Any

import grpc
import pytest

from knowledge.frames import FrameAnswer, FrameHead
from receiver import decode, readiness
from receiver.counters import Counters
from receiver.grpc_readers import Readers
from receiver.pressure import Memory
from receiver.readiness import GIVE_BACK_LOOKS, Readiness
from receiver.refusal import Refusal
from receiver.settings import ReceiverSettings
from tests.receiver.asking import ask, counts, head
from tests.receiver.house import Brain, Start, wait_until
from tests.receiver.test_grpc import traces

MIB = 2**20
BODY = traces(*"ab" * 500).SerializeToString()


def test_what_is_held_fits_into_the_memory() -> None:
    settings = ReceiverSettings(brain_socket="x").within(512 * MIB)
    assert settings.inflight_bytes_max == 128 * MIB
    assert settings.recent_bytes_max == 64 * MIB
    small = ReceiverSettings(brain_socket="x", inflight_bytes_max=10, recent_bytes_max=0)
    assert small.within(512 * MIB) == small
    assert small.within(0) == small


def test_a_brain_without_room_is_not_asked_again_at_once(start: Start, brain: Brain) -> None:
    def full(head: FrameHead) -> FrameAnswer:
        return FrameAnswer(epoch=head.epoch, sequence=head.sequence, outcome="full")

    brain.respond = full
    house = start()
    for _ in range(5):
        error: Any = house.sender.refused(BODY)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert brain.frames_seen < 5
    assert counts(house)["refused_brain_full"] == 5
    brain.respond = brain.kept
    wait_until(lambda: house.sender_passes(BODY), "it is asked again")


def test_who_finds_no_memory_to_be_decoded_in_may_come_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = start()

    def starved(*_: Any, **__: Any) -> Any:
        raise MemoryError

    for name in ("columns", "_check", "conform"):
        with monkeypatch.context() as context:
            context.setattr(decode, name, starved)
            error: Any = house.sender.refused(BODY)
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert "google.rpc.retryinfo-bin" in dict(error.trailing_metadata())
    assert counts(house)["refused_memory"] == 3
    assert house.sender_passes(BODY)


def test_a_request_that_is_given_up_is_counted_once_however_late_its_end(
    start: Start, brain: Brain
) -> None:
    brain.respond = lambda _: None
    house = start(handover_timeout_s=0.3)
    house.sender.refused(BODY)
    assert ask(house, BODY).status == 503
    house.stop()
    found = counts(house)
    assert (found["refused_handover_timeout"], found["requests"]) == (2, 2)


def test_what_is_refused_unread_is_a_request_too(start: Start) -> None:
    house = start(inflight_bytes_max=2 * len(BODY))
    host, _, port = house.receiver.http_address.rpartition(":")
    with socket.create_connection((host, int(port))) as sending:
        sending.sendall(head(2 * len(BODY)) + bytes(10))
        wait_until(lambda: ask(house, BODY).status == 503, "no room for another body")
    found = counts(house)
    assert found["refused_overloaded"] <= found["requests"]


def test_what_comes_in_at_one_door_counts_at_the_other(start: Start) -> None:
    house = start(inflight_bytes_max=2 * len(BODY))
    host, _, port = house.receiver.http_address.rpartition(":")
    with socket.create_connection((host, int(port))) as sending:
        sending.sendall(head(2 * len(BODY)) + bytes(10))
        wait_until(lambda: not inflated_passes(house), "its announced body leaves no room")
        assert counts(house)["refused_overloaded"] >= 1
    wait_until(lambda: inflated_passes(house), "it hung up")


def inflated_passes(house: Any) -> bool:
    try:
        return bool(house.sender.export(BODY, compression=grpc.Compression.Gzip) == b"")
    except grpc.RpcError:
        return False


def test_a_compressed_body_is_given_back_once_it_is_admitted(start: Start) -> None:
    house = start(inflight_bytes_max=20 * len(BODY))
    packed = gzip.compress(BODY)
    for _ in range(50):
        assert house.sender.export(packed) == b""
    assert house.receiver.in_flight() == (0, 0)


def test_pressure_leaves_fewer_places_to_read_bodies() -> None:
    readers = Readers(places=4, body_max_s=10.0, wait_s=0.0, monotonic_s=lambda: 0.0)
    readers.open(0.5)
    held = [readers.enter("a", lambda: None) for _ in range(2)]
    assert not any(isinstance(one, Refusal) for one in held)
    assert isinstance(readers.enter("a", lambda: None), Refusal)
    readers.open(1.0)
    assert not isinstance(readers.enter("a", lambda: None), Refusal)


def test_memory_is_given_back_at_once_and_then_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[int] = []
    monkeypatch.setattr(readiness, "give_back", lambda: given.append(1))
    watch = Readiness(
        narrow=lambda _: None,
        counters=Counters(),
        connected=lambda: True,
        measure=lambda: Memory(used_bytes=90, limit_bytes=100),
        tell=lambda _: None,
    )
    for _ in range(2 * GIVE_BACK_LOOKS):
        watch.look()
    assert len(given) == 2
