"""Requests are taken out many at once, none is lost, and a close lets the rest out."""

import threading
from dataclasses import dataclass

from receiver.gather import Gathering

LONG_S = 30.0


@dataclass(frozen=True)
class One:
    body: bytes = b"x"


def test_what_came_is_taken_together_once_enough_is_there() -> None:
    gathering: Gathering[One] = Gathering(wait_s=LONG_S, enough_bytes=3)
    for _ in range(3):
        gathering.put(One())
    assert len(gathering.take()) == 3


def test_the_taker_is_woken_when_enough_has_come() -> None:
    gathering: Gathering[One] = Gathering(wait_s=LONG_S, enough_bytes=3)
    taken: list[list[One]] = []
    taker = threading.Thread(target=lambda: taken.append(gathering.take()))
    taker.start()
    for _ in range(3):
        gathering.put(One())
    taker.join(LONG_S / 2)
    assert [len(batch) for batch in taken] == [3]


def test_less_is_taken_when_the_time_is_over() -> None:
    gathering: Gathering[One] = Gathering(wait_s=0.0, enough_bytes=100)
    gathering.put(One())
    assert len(gathering.take()) == 1


def test_a_close_lets_out_what_is_there_and_then_nothing() -> None:
    gathering: Gathering[One] = Gathering(wait_s=LONG_S, enough_bytes=100)
    gathering.put(One())
    gathering.close()
    assert len(gathering.take()) == 1
    assert gathering.take() == []
