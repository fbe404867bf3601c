"""The clock: a driver moves it, forwards only; a wall clock is nobody's to move."""

import asyncio
from pathlib import Path

import pytest

from homeostat.clock import Clock, follow_wall, serve_driver
from homeostat.demo.processes import DemoError, SocketClient


def test_a_driven_clock_goes_forwards_only() -> None:
    clock = Clock(is_driven=True, start_unix_ns=5)
    clock.set(7)
    assert clock.now_unix_ns() == 7
    with pytest.raises(ValueError, match="not before 6"):
        clock.set(6)


def test_a_wall_clock_cannot_be_driven() -> None:
    clock = Clock(is_driven=False, start_unix_ns=5)
    assert clock.now_unix_ns() > 10**18
    with pytest.raises(ValueError, match="wall"):
        clock.set(10**19)


def test_the_driver_is_answered_when_all_is_done_and_told_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "clock.sock"
    done: list[int] = []

    async def advance(to_unix_ns: int) -> None:
        if to_unix_ns < 0:
            raise ValueError("not backwards")
        await asyncio.sleep(0)
        done.append(to_unix_ns)

    def drive() -> None:
        client = SocketClient(path, timeout_s=5)
        client.ask(method="advance", to_unix_ns=3)
        assert done == [3]
        for wrong in ({"method": "stop"}, {"method": "advance"}):
            with pytest.raises(DemoError, match="refused"):
                client.ask(**wrong)
        with pytest.raises(DemoError, match="not backwards"):
            client.ask(method="advance", to_unix_ns=-1)
        client.close()

    async def both() -> None:
        server = asyncio.create_task(serve_driver(path, advance))
        while not path.exists():
            await asyncio.sleep(0)
        await asyncio.to_thread(drive)
        server.cancel()

    asyncio.run(both())


def test_the_wall_is_followed_to_each_due_time() -> None:
    clock = Clock(is_driven=True, start_unix_ns=0)  # stands for the wall, without its waiting
    seen: list[int] = []

    async def advance(to_unix_ns: int) -> None:
        seen.append(to_unix_ns)
        clock.set(to_unix_ns + 10)
        if len(seen) == 3:
            raise EOFError

    with pytest.raises(EOFError):
        asyncio.run(follow_wall(clock, clock.now_unix_ns, advance))
    assert seen == [0, 10, 20]
