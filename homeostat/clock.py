"""Whose time it is. Wall: the loop follows it. Driven: a driver moves it on, over a local socket.

A driver sends telemetry, waits until it is acknowledged, then asks `advance`; the answer comes when
all ticks that became due are done. So nothing depends on how fast the machine is.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from knowledge.framing import PREFIX_BYTES, FramingError, pack, parse_header, parse_lengths

Advance = Callable[[int], Awaitable[None]]
WALL_STEP_S_MAX: Final = 1.0


class Clock:
    """The time that all parts of the brain read."""

    def __init__(self, *, is_driven: bool, start_unix_ns: int) -> None:
        self._driven_unix_ns = start_unix_ns if is_driven else None

    def now_unix_ns(self) -> int:
        """The present time."""
        if self._driven_unix_ns is None:
            return time.time_ns()
        return self._driven_unix_ns

    def set(self, unix_ns: int) -> None:
        """Move a driven clock on; it never goes back.

        Raises:
            ValueError: the clock is the wall's, or would go back.
        """
        if self._driven_unix_ns is None:
            raise ValueError("clock.kind is wall: it cannot be driven")
        if unix_ns < self._driven_unix_ns:
            raise ValueError(f"the clock is at {self._driven_unix_ns}, not before {unix_ns}")
        self._driven_unix_ns = unix_ns


async def follow_wall(clock: Clock, next_unix_ns: Callable[[], int], advance: Advance) -> None:
    """Advance whenever something is due; a stall is caught up with in one step."""
    while True:
        wait_s = (next_unix_ns() - clock.now_unix_ns()) / 1e9
        await asyncio.sleep(min(max(wait_s, 0.0), WALL_STEP_S_MAX))
        await advance(clock.now_unix_ns())


async def serve_driver(path: Path, advance: Advance) -> None:
    """Serve `{"method": "advance", "to_unix_ns": n}` on a Unix socket until cancelled."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                header_bytes, body_bytes = parse_lengths(await reader.readexactly(PREFIX_BYTES))
                header = parse_header(await reader.readexactly(header_bytes))
                await reader.readexactly(body_bytes)
                writer.write(pack(await _answer(header, advance)))
                await writer.drain()
        except (EOFError, OSError, FramingError):
            pass  # the driver went, or is none
        finally:
            writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(converse, path)
    path.chmod(0o600)
    async with server:
        await server.serve_forever()


async def _answer(header: dict[str, Any], advance: Advance) -> dict[str, Any]:
    if header.get("method") != "advance":
        return {"ok": False, "error": f"method must be advance, got {header.get('method')!r}"}
    try:
        await advance(int(header["to_unix_ns"]))
    except (KeyError, ValueError) as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True}
