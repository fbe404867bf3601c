"""Rows have half of the memory, less under pressure, and none where there is no memory left."""

import pytest

from homeostat.room import Room
from receiver.pressure import Memory


class Machine:
    now_s = 0.0
    used = 10
    limit = 100

    def room(self) -> Room:
        return Room(
            rows_bytes_max=40,
            measure=lambda: Memory(used_bytes=self.used, limit_bytes=self.limit),
            monotonic_s=lambda: self.now_s,
        )


@pytest.mark.parametrize(
    ("used", "limit", "rows"),
    [(10, 100, 40), (10, 60, 30), (90, 100, 20), (96, 100, 0), (9, 0, 40)],
)
def test_what_rows_may_take_follows_from_the_memory(used: int, limit: int, rows: int) -> None:
    machine = Machine()
    machine.used, machine.limit = used, limit
    assert machine.room().rows_bytes() == rows


def test_it_looks_again_after_a_while_and_recovers() -> None:
    machine = Machine()
    room = machine.room()
    machine.used = 99
    assert room.rows_bytes() == 0
    machine.used = 10
    assert room.rows_bytes() == 0
    machine.now_s = 1.0
    assert room.rows_bytes() == 40
