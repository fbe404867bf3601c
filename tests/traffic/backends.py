"""Backends that answer after a delay, each with its own; the delays are changed while they run.

Run as `python -m tests.traffic.backends PORT:DELAY_MS ...`: a process of its own, so that it does
not share the load client's loop. POST /delay?MS at a backend changes its delay.
"""

import asyncio
import sys
from typing import Final

WORKERS: Final = 4
"""Requests that a backend serves at the same time; the others queue, as in a real one."""


class Backend:
    """One backend: a queue before a few workers."""

    def __init__(self, port: int, delay_ms: float) -> None:
        self.port = port
        self.delay_ms = delay_ms
        self._workers = asyncio.Semaphore(WORKERS)

    async def serve(self) -> None:
        """Serve until the process ends."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", self.port)
        await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path = head.split(" ", 2)[1]
                if path.startswith("/delay?"):
                    self.delay_ms = float(path.partition("?")[2])
                else:
                    async with self._workers:
                        await asyncio.sleep(self.delay_ms / 1e3)
                body = str(self.port)
                writer.write(
                    f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(words: list[str]) -> None:
    """Serve all backends."""
    backends = [Backend(int(w.partition(":")[0]), float(w.partition(":")[2])) for w in words]
    await asyncio.gather(*(backend.serve() for backend in backends))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
