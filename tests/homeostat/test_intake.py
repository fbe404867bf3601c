"""The brain's end of the frames: kept once, refused whole, and no stranger brings it down."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analysis.buffers import Buffers
from homeostat.intake import EPOCHS_MAX, Intake, Times
from knowledge.frames import FrameAnswer, FrameHead
from knowledge.framing import Message, Unpacker, pack
from knowledge.schemas import LOGS

TIMES = Times(now_unix_ns=2, watermark_unix_ns=0, needed_since_unix_ns=0)


def _body(rows: int = 2) -> bytes:
    """The stream of a frame."""
    values: dict[str, list[Any]] = {
        "time_unix_ns": [1] * rows,
        "severity": [9] * rows,
        "is_verified": [False] * rows,
        **{name: [b""] * rows for name in ("trace_id", "span_id")},
    }
    table = pa.table(
        {f.name: pa.array(values.get(f.name, [""] * rows), f.type) for f in LOGS}, schema=LOGS
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _head(sequence: int = 1, rows: int = 2) -> FrameHead:
    return FrameHead(
        epoch="e",
        sequence=sequence,
        signal="logs",
        rows=rows,
    )


def _intake(bytes_max: int = 2**20) -> tuple[Intake, Buffers]:
    buffers = Buffers(bytes_max=bytes_max, retention_s=60)
    return Intake(buffers, lambda: TIMES), buffers


def _take(intake: Intake, head: FrameHead, body: bytes) -> FrameAnswer:
    return intake.take(head, pa.py_buffer(body))


def test_a_frame_that_comes_twice_is_kept_once() -> None:
    intake, buffers = _intake()
    assert _take(intake, _head(), _body()).outcome == "kept"
    assert _take(intake, _head(), _body()).outcome == "kept"
    assert buffers.counts("logs").rows == 2


def test_a_frame_that_was_refused_is_not_taken_for_kept_when_it_comes_again() -> None:
    intake, buffers = _intake(bytes_max=1)
    assert _take(intake, _head(), _body()).outcome == "full"
    assert _take(intake, _head(), _body()).outcome == "full"
    assert buffers.counts("logs").rows == 0


def test_without_memory_nothing_is_taken_and_old_rows_go_first() -> None:
    buffers, room = Buffers(bytes_max=2**20, retention_s=0), [0]
    intake = Intake(buffers, lambda: TIMES, room=lambda: room[0])
    answer = _take(intake, _head(), _body())
    assert (answer.outcome, buffers.counts("logs").refused_frames) == ("full", 1)
    room[0] = 2 * len(_body())
    for sequence in range(5):  # rows of time 1 are no longer wanted at time 2
        assert _take(intake, _head(sequence), _body()).outcome == "kept"


def test_of_receivers_those_heard_longest_ago_are_forgotten() -> None:
    intake, _ = _intake()
    for number in range(EPOCHS_MAX + 10):
        for epoch in ("alive", f"e{number}"):
            intake.heard(epoch, {"requests": number})
    assert len(intake.counters) == EPOCHS_MAX
    assert "alive" in intake.counters
    assert "e0" not in intake.counters
    assert intake.receivers_remembered() == (EPOCHS_MAX, EPOCHS_MAX)


def test_two_receivers_do_not_share_sequence_numbers() -> None:
    intake, buffers = _intake()
    _take(intake, _head(), _body())
    other = replace(_head(), epoch="other")
    assert _take(intake, other, _body()).outcome == "kept"
    assert buffers.counts("logs").rows == 4


@pytest.mark.parametrize("broken", [b"", b"nonsense", _body()[:100]])
def test_a_broken_frame_is_answered_and_not_kept(broken: bytes) -> None:
    intake, buffers = _intake()
    answer = _take(intake, _head(), broken)
    assert answer.outcome == "broken"
    assert answer.reason
    assert buffers.counts("logs").rows == 0


def _converse(tmp_path: Path, talk: Callable[[Path], None]) -> Buffers:
    """Serve on a real socket while `talk` runs in a thread."""
    intake, buffers = _intake()
    path = tmp_path / "frames.sock"

    async def both() -> None:
        server = asyncio.create_task(intake.serve(path))
        while not path.exists():
            await asyncio.sleep(0)
        await asyncio.to_thread(talk, path)
        assert not server.done()
        server.cancel()

    asyncio.run(both())
    assert intake.counters.get("e", {}) in ({}, {"requests": 3})
    return buffers


def _connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    while True:
        try:
            client.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):  # bound, not yet listening
            continue
        return client


def test_frames_are_answered_in_order_and_heartbeats_are_not(tmp_path: Path) -> None:
    def talk(path: Path) -> None:
        with _connect(path) as client:
            heartbeat = {"epoch": "e", "heartbeat": True, "counters": {"requests": 3}}
            stream = pack(heartbeat)
            for sequence in (1, 2):
                body = _body()
                stream += pack(_head(sequence).as_header(), len(body)) + body
            client.sendall(stream)
            unpacker = Unpacker()
            answers: list[Message] = []
            while len(answers) < 2:
                answers += list(unpacker.feed(client.recv(65536)))
        found = [FrameAnswer.from_header(answer.header) for answer in answers]
        assert [(a.sequence, a.outcome) for a in found] == [(1, "kept"), (2, "kept")]

    assert _converse(tmp_path, talk).counts("logs").rows == 4


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        pack({"epoch": "e"}),
        pack(_head().as_header(), 9),  # less than its attributes
        pack(_head().as_header(), 10_000),  # and then nothing more
    ],
)
def test_a_stranger_or_a_broken_connection_brings_nothing_down(
    tmp_path: Path, noise: bytes
) -> None:
    def talk(path: Path) -> None:
        with _connect(path) as client:
            client.sendall(noise)
            client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):  # closed with bytes of ours unread
                assert client.recv(100) == b""

    assert _converse(tmp_path, talk).counts("logs").rows == 0
