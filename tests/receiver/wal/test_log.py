"""The log: what it said is on disk comes back, once, whatever the disk does in between."""

import errno
import random
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from knowledge.frames import FrameAnswer, FrameHead, Greeting
from knowledge.sequences import Sequences
from receiver.counters import Counters
from receiver.frame import Frame
from receiver.refusal import Refusal
from receiver.wal.log import Log, LogSettings
from receiver.wal.writer import Writer
from tests.receiver.wal.faulty import FaultyDisk

FAR: int = 2**62


def opened(tmp_path: Path, epoch: str = "aa" * 16, **more: Any) -> Log:
    disk = more.pop("disk", None)
    sizes = {"bytes_max": 2**24, "segment_bytes": 2**12, **more}
    log = Log(LogSettings(folder=tmp_path, **sizes), epoch=epoch, counters=Counters(), disk=disk)
    log.start()
    return log


def made(sequence: int, *, epoch: str = "aa" * 16, newest: int = 100) -> Frame:
    body = f"body {epoch} {sequence}".encode() * 20
    return Frame(
        head=FrameHead(epoch=epoch, sequence=sequence, signal="logs", rows=1),
        body=(pa.py_buffer(body),),
        body_bytes=len(body),
        newest_unix_ns=newest,
        expires_monotonic_s=float("inf"),
        answered=lambda _: None,
    )


def put(log: Log, sequence: int, *, epoch: str = "aa" * 16, newest: int = 100) -> Refusal | None:
    """Log one frame and wait for the disk."""
    frame = made(sequence, epoch=epoch, newest=newest)
    done = threading.Event()
    told: list[Refusal | None] = []

    def logged(refusal: Refusal | None) -> None:
        told.append(refusal)
        done.set()

    log.append(frame, logged)
    assert done.wait(10)
    return told[0]


def greeting(horizon: int = 0, kept: dict[str, list[list[int]]] | None = None) -> Greeting:
    known = {epoch: Sequences.from_ranges(ranges) for epoch, ranges in (kept or {}).items()}
    return Greeting(brain="b", kept=known, horizon_unix_ns=horizon, ceiling_unix_ns=FAR)


def answer(frame: Frame | FrameHead, horizon: int = 0, outcome: Any = "kept") -> FrameAnswer:
    head = frame.head if isinstance(frame, Frame) else frame
    return FrameAnswer(
        epoch=head.epoch,
        sequence=head.sequence,
        outcome=outcome,
        horizon_unix_ns=horizon,
        ceiling_unix_ns=FAR,
    )


def replayed(log: Log, told: Greeting, *, own_up_to: int = 10**6) -> list[tuple[str, int]]:
    """Give a brain all that it lacks; return the names in order."""
    replay = log.replay(told, own_up_to=own_up_to, in_flight=())
    names = []
    while not replay.is_done:
        frame = replay.take()
        if frame is not None:
            name = (frame.head.epoch, frame.head.sequence)
            assert frame.body[0].to_pybytes() == f"body {name[0]} {name[1]}".encode() * 20
            names.append(name)
            replay.answered(answer(frame))
    return names


def files(tmp_path: Path, kind: str = "segment") -> list[Path]:
    return sorted(tmp_path.glob(f"*/*.{kind}"))


A, B = "aa" * 16, "bb" * 16


def test_what_is_logged_comes_back_in_order_also_to_the_next_process(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert [put(log, number) for number in range(1, 31)] == [None] * 30
    assert replayed(log, greeting()) == [(A, number) for number in range(1, 31)]
    log.close()
    after = opened(tmp_path, B)
    assert put(after, 1, epoch=B) is None
    assert replayed(after, greeting()) == [*((A, number) for number in range(1, 31)), (B, 1)]
    assert len(files(tmp_path)) > 3
    after.close()


def test_the_brain_is_not_given_what_it_has_or_needs_no_more_or_what_was_refused(
    tmp_path: Path,
) -> None:
    log = opened(tmp_path)
    for number in range(1, 11):
        put(log, number, newest=100 + number)
    log.void(made(9, newest=109))
    log.close()
    log = opened(tmp_path, B)
    told = greeting(horizon=104, kept={A: [[6, 7]]})
    assert replayed(log, told) == [(A, 4), (A, 5), (A, 8), (A, 10)]
    log.close()


def test_segments_are_deleted_once_the_brain_needs_none_of_their_rows(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for number in range(1, 31):
        put(log, number, newest=100 + number)
    many = len(files(tmp_path))
    for number in range(1, 31):
        log.answered(answer(FrameHead(epoch=A, sequence=number, signal="logs", rows=1)))
    assert len(files(tmp_path)) == many
    log.horizon(greeting(horizon=120))
    assert 1 < len(files(tmp_path)) < many
    log.horizon(greeting(horizon=FAR))
    assert len(files(tmp_path)) == 1  # the one that is being written
    log.close()


def test_a_frame_that_the_brain_has_no_room_for_is_offered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path)
    put(log, 1)
    now = [0.0]
    monkeypatch.setattr("receiver.wal.replay.time.monotonic", lambda: now[0])
    replay = log.replay(greeting(), own_up_to=1, in_flight=())
    frame = replay.take()
    assert frame is not None
    assert replay.take() is None
    replay.answered(answer(frame, outcome="full"))
    waits = (replay.is_done, replay.is_ready)
    now[0] = 1.0
    assert replay.take() is frame
    replay.answered(answer(frame))
    assert waits == (False, False)
    assert replay.is_done
    log.close()


def test_a_full_disk_refuses_and_leaves_no_trace_then_goes_on(tmp_path: Path) -> None:
    disk = FaultyDisk()
    log = opened(tmp_path, disk=disk)
    assert put(log, 1) is None
    disk.fails["write"] = errno.ENOSPC
    refusal = put(log, 2)
    assert refusal is not None
    assert refusal.reason == "log_failed"
    assert "No space left" in refusal.message
    assert put(log, 3) is None
    assert log.refusal() is None
    assert replayed(log, greeting()) == [(A, 1), (A, 3)]
    log.close()


def test_after_a_failed_sync_the_file_is_ended_and_nothing_on_it_was_acknowledged(
    tmp_path: Path,
) -> None:
    disk = FaultyDisk()
    log = opened(tmp_path, disk=disk)
    assert put(log, 1) is None
    disk.fails["sync"] = errno.EIO
    refusal = put(log, 2)
    assert refusal is not None
    assert put(log, 3) is None
    assert len(files(tmp_path)) == 2
    assert replayed(log, greeting()) == [(A, 1), (A, 3)]
    log.close()
    assert replayed(opened(tmp_path, B), greeting()) == [(A, 1), (A, 3)]


def test_a_log_at_its_bound_refuses_until_it_is_cut(tmp_path: Path) -> None:
    log = opened(tmp_path, bytes_max=2**14)
    number, refusal = 0, None
    while refusal is None:
        number += 1
        refusal = put(log, number)
    assert refusal.reason in {"log_full", "log_failed"}
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 2**14
    for sequence in range(1, number):
        log.answered(
            answer(FrameHead(epoch=A, sequence=sequence, signal="logs", rows=1), horizon=FAR)
        )
    assert put(log, number + 1) is None
    log.close()


def test_a_torn_tail_is_passed_over_without_a_word(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=2**20)
    for number in range(1, 4):
        put(log, number)
    (path,) = files(tmp_path)
    data = path.read_bytes()
    log.close()
    path.write_bytes(data[:-7])  # as a killed writer leaves it: no end record
    after = opened(tmp_path, B)
    assert replayed(after, greeting()) == [(A, 1), (A, 2)]
    assert after.lost() == []
    assert files(tmp_path, "quarantined") == []
    after.close()


@pytest.mark.parametrize(
    ("place", "left"),
    [(10, []), (100, []), (500, [2, 3, 4, 5])],
    ids=["the segment's header", "a record's head", "a record's body"],
)
def test_a_damaged_segment_is_quarantined_and_told_and_what_is_whole_is_replayed(
    tmp_path: Path, place: int, left: list[int]
) -> None:
    log = opened(tmp_path, segment_bytes=2**20)
    for number in range(1, 6):
        put(log, number)
    log.close()
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    for _ in range(2):  # also after the next kill
        after = opened(tmp_path, B)
        assert replayed(after, greeting()) == [(A, number) for number in left]
        assert len(after.lost()) == 1
        assert len(files(tmp_path, "quarantined")) == 1
        after.close()


def test_each_process_has_a_folder_and_the_next_one_takes_what_a_dead_one_left(
    tmp_path: Path,
) -> None:
    first, second = opened(tmp_path, A), opened(tmp_path, B)
    put(first, 1, epoch=A)
    put(second, 1, epoch=B)
    assert {path.parent.name for path in files(tmp_path)} == {"0", "1"}
    assert second.epochs() == [B]
    first.close()
    second.close()
    third = opened(tmp_path, "cc" * 16)
    assert replayed(third, greeting()) == [(A, 1), (B, 1)]
    third.close()


def test_after_power_cuts_all_that_was_acknowledged_comes_back_and_nothing_refused_does(
    tmp_path: Path,
) -> None:
    for seed in range(100):
        chance = random.Random(seed)
        place, disk, kept = tmp_path / str(seed), FaultyDisk(), []
        log = opened(place, disk=disk, segment_bytes=chance.choice([2**11, 2**20]))
        for number in range(1, chance.randint(2, 20)):
            if chance.random() < 0.2:
                what = chance.choice(["write", "sync", "create", "truncate"])
                disk.fails[what] = chance.choice([errno.EIO, errno.ENOSPC])
            if put(log, number) is None:
                kept.append((A, number))
        release(log)
        disk.power_cut(chance)
        after = opened(place, B)
        came = replayed(after, greeting())
        assert set(came) >= set(kept), seed
        assert len(set(came)) == len(came), seed
        assert after.lost() == [], seed
        after.close()


def release(log: Log) -> None:
    """End it as a kill does: no last record, no last sync."""
    writer: Writer = log._writer
    writer._file = None
    log.close()
