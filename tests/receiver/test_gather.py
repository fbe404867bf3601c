"""Requests are taken out many at once, none is lost, and a close lets the rest out."""

import threading
import types
from dataclasses import dataclass

import pytest

from receiver.gather import BUSY_RATIO, CROWD, Gathering

LONG_S = 30.0


@dataclass(frozen=True)
class One:
    body: bytes = b"x"
    client: str = ""


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


def test_of_very_much_each_client_has_its_turn_and_the_rest_keeps_its_order() -> None:
    gathering: Gathering[One] = Gathering(wait_s=0.0, enough_bytes=4)
    for number in range(20):
        gathering.put(One(bytes([number]), "greedy"))
    gathering.put(One(b"m", "modest"))
    taken = [[one.body for one in gathering.take()] for _ in range(3)]
    assert taken[0] == [b"\0", b"m", b"\1", b"\2"]
    assert taken[1] == [b"\3", b"\4", b"\5", b"\6"]
    gathering.close()
    left = [one for batch in iter(gathering.take, []) for one in batch]
    assert len(left) == 21 - 8 - len(taken[2])


def test_after_a_crowd_the_next_is_waited_for_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    gathering: Gathering[One] = Gathering(wait_s=1.0, enough_bytes=100)
    enough = types.SimpleNamespace(wait=waited.append, notify=lambda: None)
    monkeypatch.setattr(gathering, "_enough", enough)
    for count in (1, CROWD, CROWD, CROWD - 1, 1):
        for _ in range(count):
            gathering.put(One())
        assert len(gathering.take()) == count
    assert waited == [1.0, 1.0, BUSY_RATIO, BUSY_RATIO, 1.0]
