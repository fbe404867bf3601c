"""OTLP over HTTP under strain: sizes, times, overload, odd ways to send, and the end."""

import gzip
import http.client
import socket
import threading
import time
from typing import Any

import pytest

from knowledge.frames import FrameAnswer, FrameHead
from receiver.http_limits import judge
from receiver.settings import ReceiverSettings
from tests.receiver.asking import JSON, PROTOBUF, Reply, ask, counts, head, raw
from tests.receiver.house import DEADLINE_S, Brain, Start, wait_until
from tests.receiver.test_grpc import traces


def test_too_large_is_refused_by_its_head_alone(start: Start) -> None:
    house = start(max_message_bytes=100_000, wait=False)
    reply = raw(house, head(100_001))
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"max_message_bytes" in reply
    assert counts(house)["refused_too_large"] == 1


def test_too_large_is_refused_while_it_comes_without_a_length(start: Start) -> None:
    house = start(max_message_bytes=100_000, wait=False)
    chunked = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    piece = b"%x\r\n%s\r\n" % (60_000, b"x" * 60_000)
    assert raw(house, chunked, piece, piece).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("padding", [b"0", b"0" * 3_000_000], ids=["small", "large"])
def test_size_limit_holds_for_the_inflated_request(start: Start, padding: bytes) -> None:
    house = start(max_message_bytes=5_000_000)
    bomb = gzip.compress(b"\x0a" * 50_000_000, 1) + gzip.compress(padding, 0)
    reply = ask(house, bomb, {**PROTOBUF, "Content-Encoding": "gzip"})
    assert reply.status == 413
    assert "max_message_bytes" in reply.as_status().message
    assert ask(house, traces("alive").SerializeToString()).status == 200


def test_chunks_and_an_announced_body_arrive(start: Start, brain: Brain) -> None:
    house = start()
    body = traces("chunked", "x" * 40_000).SerializeToString()
    lines = head(0, "Connection: close").replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    pieces = [body[at : at + 999] for at in range(0, len(body), 999)]
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    assert raw(house, lines, *chunks, b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    told = head(len(body), "Connection: close", "Expect: 100-continue")
    reply = raw(house, told, body)
    assert reply.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert brain.table().num_rows == 4


def test_a_connection_is_used_again_and_a_pipelined_request_is_not_lost_unseen(
    start: Start, brain: Brain
) -> None:
    house = start()
    body = traces("one").SerializeToString()
    connection = http.client.HTTPConnection(house.receiver.http_address, timeout=DEADLINE_S)
    for _ in range(3):
        connection.request("POST", "/v1/traces", body, dict(PROTOBUF))
        assert connection.getresponse().read() == b""
    connection.close()
    twice = head(len(body)) + body
    reply = raw(house, twice + twice)
    assert reply.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in reply
    assert brain.table().num_rows == 4


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"a" * 40_000,
    ],
)
def test_what_is_no_http_is_told_so_and_cut(start: Start, garbage: bytes) -> None:
    reply = raw(start(wait=False), garbage)
    assert reply.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    assert b'{"code":3' in reply


def test_an_upgrade_is_ignored(start: Start) -> None:
    body = traces("h2c").SerializeToString()
    reply = raw(start(), head(len(body), "Connection: close, Upgrade", "Upgrade: h2c") + body)
    assert reply.startswith(b"HTTP/1.1 200 OK")


def test_overload_is_503_with_a_delay(start: Start, brain: Brain) -> None:
    release = threading.Event()

    def slow(frame: FrameHead) -> FrameAnswer:
        release.wait(DEADLINE_S)
        return brain.kept(frame)

    brain.respond = slow
    house = start(inflight_bytes_max=100)
    first = house.sender.future(traces("first").SerializeToString())
    wait_until(lambda: brain.frames_seen == 1, "the first request reaches the brain")
    reply = ask(house, traces("second").SerializeToString())
    large = ask(house, b"x" * 50_000)
    release.set()
    assert first.result(DEADLINE_S) == b""
    for refused in (reply, large):
        assert refused.status == 503
        assert refused.headers["Retry-After"] in {"1", "2"}
        assert refused.as_status().code == 14


def test_without_a_brain_senders_come_back_and_silence_ends_in_a_refusal(
    start: Start, brain: Brain
) -> None:
    brain.respond = lambda _: None
    house = start(handover_timeout_s=0.3)
    late = ask(house, traces("silence").SerializeToString())
    assert (late.status, late.headers["Retry-After"] in {"1", "2"}) == (503, True)
    brain.stop()
    wait_until(lambda: not house.receiver.connected, "the receiver notices")
    assert ask(house, traces("nobody").SerializeToString()).status == 503
    assert ask(house, b"").status == 200


def test_a_late_outcome_does_not_answer_the_next_request(start: Start, brain: Brain) -> None:
    release = threading.Event()

    def respond(frame: FrameHead) -> FrameAnswer:
        if frame.sequence == 1:
            release.wait(DEADLINE_S)
            return brain.kept(frame)
        return FrameAnswer(epoch=frame.epoch, sequence=frame.sequence, outcome="full")

    brain.respond = respond
    house = start(handover_timeout_s=1.0)
    connection = http.client.HTTPConnection(house.receiver.http_address, timeout=DEADLINE_S)
    connection.request("POST", "/v1/traces", traces("one").SerializeToString(), dict(PROTOBUF))
    given_up = connection.getresponse()
    assert (given_up.status, b"in time" in given_up.read()) == (503, True)
    connection.request("POST", "/v1/traces", traces("two").SerializeToString(), dict(PROTOBUF))
    wait_until(lambda: counts(house)["requests"] == 2, "the second is worked on")
    release.set()
    refused = connection.getresponse()
    assert (refused.status, b"full" in refused.read()) == (503, True)
    connection.close()
    assert brain.table().num_rows == 1


def test_pages_of_allowed_origins_may_send(start: Start) -> None:
    house = start(http_cors_origins=("https://*.example.com",))
    asking = {"Access-Control-Request-Headers": "content-type,x-team"}
    for origin, allowed in (("https://shop.example.com", True), ("https://evil.com", False)):
        before = ask(house, b"", {"Origin": origin, **asking}, method="OPTIONS")
        sent = ask(house, b"{}", {"Origin": origin, **JSON})
        assert (before.status, sent.status) == (204, 200)
        told = origin if allowed else None
        assert before.headers.get("Access-Control-Allow-Origin") == told
        assert sent.headers.get("Access-Control-Allow-Origin") == told
        assert "Origin" in sent.headers["Vary"]
        assert before.headers["Access-Control-Allow-Headers"] == "content-type,x-team"


def test_connections_are_bounded(start: Start) -> None:
    house = start(http_connections_max=1, wait=False)
    host, _, port = house.receiver.http_address.rpartition(":")
    with socket.create_connection((host, int(port))) as first:
        first.sendall(b"POST")
        wait_until(lambda: raw(house, more=True) == b"", "the second is closed")
        assert counts(house)["refused_connections"] >= 1


@pytest.mark.parametrize(
    ("state", "waited_s", "received", "wanted"),
    [
        ("idle", 119, 0, "keep"), ("idle", 121, 0, "end"),
        ("head", 9, 0, "keep"), ("head", 11, 0, "slow"),
        ("body", 4, 0, "keep"), ("body", 6, 1, "slow"), ("body", 60, 64 * 2**20, "keep"),
        ("busy", 7, 0, "keep"), ("busy", 9, 0, "unanswered"),
        ("answered", 1, 0, "keep"), ("answered", 3, 0, "end"),
    ],
)  # fmt: skip
def test_patience_has_its_limits(state: Any, waited_s: float, received: int, wanted: str) -> None:
    assert judge(state, waited_s, received, ReceiverSettings(brain_socket="x")) == wanted


def test_a_request_that_does_not_come_to_its_end_is_cut(start: Start) -> None:
    house = start(http_head_max_s=0.0, wait=False)
    assert raw(house, b"POST /v1/traces HT", more=True).startswith(b"HTTP/1.1 408 ")


def test_a_stop_waits_for_what_is_worked_on(start: Start, brain: Brain) -> None:
    release = threading.Event()
    brain.respond = lambda frame: brain.kept(frame) if release.wait(DEADLINE_S) else None
    house = start()
    replies: list[Reply] = []
    body = traces("late").SerializeToString()
    asking = threading.Thread(target=lambda: replies.append(ask(house, body)))
    asking.start()
    wait_until(lambda: brain.frames_seen == 1, "the request reaches the brain")
    stopping = threading.Thread(target=house.receiver.stop)
    stopping.start()
    time.sleep(0.05)
    release.set()
    stopping.join(DEADLINE_S)
    asking.join(DEADLINE_S)
    assert [reply.status for reply in replies] == [200]
