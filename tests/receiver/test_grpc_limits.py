"""gRPC senders that are slow, greedy or hostile: bounded in memory, places and time."""

import contextlib
import gzip
import struct
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from receiver.grpc_options import UNREAD_BYTES_MAX
from receiver.grpc_readers import SLOW_MAX, Reader, Readers
from receiver.refusal import Refusal
from tests.receiver.asking import counts
from tests.receiver.house import House, Start, wait_until
from tests.receiver.raw_h2 import GOAWAY, RawH2
from tests.receiver.test_grpc import traces

MIB = 2**20
BODY = traces("a").SerializeToString()


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MIB


@contextlib.contextmanager
def held(house: House, connections: int, streams: int, sent: bytes) -> Iterator[None]:
    """Open calls whose message of 4 MiB never comes to its end."""
    with contextlib.ExitStack() as stack:
        for _ in range(connections):
            connection = stack.enter_context(RawH2(house.receiver.address))
            for _ in range(streams):
                connection.open(size=4 * MIB, sent=sent)
        yield


def test_half_sent_messages_pin_no_memory_and_lock_nobody_out(start: Start) -> None:
    house = start()
    assert house.sender_passes(BODY)
    before_mib = resident_mib()
    with held(house, connections=10, streams=32, sent=bytes(60_000)):
        assert resident_mib() - before_mib < 64
        wait_until(lambda: house.sender_passes(BODY), "an honest request passes")
        wait_until(
            lambda: counts(house).get("refused_slow", 0) >= 64 - SLOW_MAX, "slow bodies are ended"
        )
        assert house.sender.export(BODY) == b""


def test_of_a_body_that_nobody_reads_only_a_small_window_comes(start: Start) -> None:
    with RawH2(start().receiver.address) as connection:
        assert connection.initial_window() == UNREAD_BYTES_MAX  # the core's own choice is 4 MiB


def test_a_message_that_never_ends_is_cut_at_the_limit(start: Start) -> None:
    house = start(grpc_body_max_s=1.0)
    with RawH2(house.receiver.address) as slow:
        stream = slow.open(size=1000, sent=b"0" * 10)
        slow.until_ended(stream)  # reset or a status: the call is over
    wait_until(lambda: counts(house).get("refused_slow") == 1, "it is counted")


def test_a_question_about_health_that_never_ends_is_cut_too(start: Start) -> None:
    house = start()
    with RawH2(house.receiver.address) as slow:
        for call in ("Check", "Watch"):
            path = {":path": f"/grpc.health.v1.Health/{call}"}
            slow.until_ended(slow.open(size=1000, sent=b"0" * 10, **path))
    wait_until(lambda: counts(house).get("refused_slow") == 2, "they are counted")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def readers_of(clock: Clock, places: int = 8) -> tuple[Readers, list[str]]:
    return Readers(places=places, body_max_s=10.0, wait_s=0.0, monotonic_s=clock), []


def test_a_client_keeps_few_slow_bodies_and_none_for_ever() -> None:
    clock = Clock()
    readers, ended = readers_of(clock)
    for number in range(6):
        assert isinstance(readers.enter("a", partial(ended.append, f"a{number}")), Reader)
    assert isinstance(readers.enter("b", lambda: ended.append("b")), Reader)
    assert readers.look() == 0
    clock.now_s = 4.5
    assert readers.look() == 2
    assert ended == ["a0", "a1"]
    clock.now_s = 11.0
    assert readers.look() == 5
    assert sorted(ended[2:]) == ["a2", "a3", "a4", "a5", "b"]
    assert readers.look() == 0


def test_another_client_gets_the_place_of_whoever_has_most() -> None:
    clock = Clock()
    readers, ended = readers_of(clock, places=2)
    first = readers.enter("a", lambda: ended.append("first"))
    readers.enter("a", lambda: ended.append("second"))
    clock.now_s = 1.5
    assert isinstance(readers.enter("a", lambda: None), Refusal)
    assert ended == []
    assert isinstance(readers.enter("b", lambda: None), Refusal)  # it waits 0 s for it
    assert ended == ["first"]
    assert isinstance(first, Reader)
    readers.leave(first)
    assert isinstance(readers.enter("b", lambda: None), Reader)


def test_a_waiting_request_gets_the_place_that_is_given_back() -> None:
    readers = Readers(places=1, body_max_s=10.0, wait_s=20.0, monotonic_s=Clock())
    first = readers.enter("a", lambda: None)
    assert isinstance(first, Reader)
    threading.Timer(0.05, readers.leave, [first]).start()
    assert isinstance(readers.enter("a", lambda: None), Reader)


def lying(bomb: bytes) -> bytes:
    """Return the bomb with another size at its end."""
    return bomb[:-4] + struct.pack("<I", 1000)


@pytest.mark.parametrize("disguise", [bytes, lying])
def test_a_bomb_is_refused_for_good_and_costs_little(start: Start, disguise: Any) -> None:
    house = start()
    assert house.sender_passes(BODY)
    bomb = disguise(gzip.compress(bytes(80 * MIB), 1))
    before_mib = resident_mib()
    with RawH2(house.receiver.address) as call:
        _, payload = call.until_ended(call.open_compressed(bomb))
    assert b"grpc-status\x018" in payload  # RESOURCE_EXHAUSTED, without a RetryInfo
    assert b"retryinfo" not in payload
    assert resident_mib() - before_mib < 64


def test_deflate_is_understood(start: Start) -> None:
    house = start()
    assert house.sender.export(traces(*"ab" * 500).SerializeToString(), compression=_DEFLATE) == b""
    assert counts(house)["spans"] == 1000


_DEFLATE = grpc.Compression.Deflate


def test_what_is_no_gzip_is_an_invalid_argument(start: Start) -> None:
    error: Any = start().sender.refused(b"\x1f\x8b garbage")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_idle_connections_cost_little(start: Start) -> None:
    house = start()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(RawH2(house.receiver.address)).next_settings()
        before_mib = resident_mib()
        for _ in range(300):
            stack.enter_context(RawH2(house.receiver.address)).next_settings()
        assert resident_mib() - before_mib < 300 * 64 / 1024


def test_connections_end_when_they_are_old_or_too_many(start: Start) -> None:
    house = start(connection_age_max_s=0.5, grpc_connections_max=2)
    with (
        RawH2(house.receiver.address) as first,
        RawH2(house.receiver.address),
        RawH2(house.receiver.address) as third,
    ):
        with pytest.raises((EOFError, ConnectionError)):
            third.next_frame()
        kind, _, _, _ = first.next_frame()
        assert kind == GOAWAY
