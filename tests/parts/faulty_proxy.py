"""A proxy before an API server that loses, delays or doubles single writes, and passes on the rest.

It ends TLS with a certificate of the control plane's own authority; who asks is told by a token.
"""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, Final, Literal

import aiohttp
from aiohttp import web

from tests.parts.control_plane import ControlPlane
from tests.parts.process import free_port

Fate = Literal["well", "lost", "reply lost", "late", "doubled", "cut"]
"""well: nothing happens to it. lost: it never arrives, and nobody hears of that. reply lost: it
arrives, its answer does not. late: it is held until `let_late` is called. doubled: it arrives
twice, and no answer. cut: the connection ends before it arrives."""
Weather = Literal["fair", "hanging", "parted"]
"""Of all requests. hanging: they arrive when it is fair again, also those whose sender gave up, and
nobody hears of anything until then. parted: every connection ends."""
DEADLINE_S: Final = 60.0
_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "host", "keep-alive"})


class FaultyProxy:
    """Runs in a thread of its own from `start` to `stop`."""

    def __init__(self, plane: ControlPlane, fates: Mapping[str, Fate]) -> None:
        self._plane = plane
        self._fates = dict(fates)
        self.port = free_port()
        self.held: set[str] = set()
        self._weather: Weather = "fair"
        self._fair = asyncio.Event()
        self._fair.set()
        self._late: list[tuple[str, Mapping[str, str], bytes]] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="faulty proxy")

    def start(self) -> None:
        """Begin to pass on."""
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)

    def heal(self) -> None:
        """From now on pass everything on."""
        self._fates.clear()

    def turn(self, weather: Weather) -> None:
        """From now on do that to all requests."""

        async def change() -> None:
            self._weather = weather
            if weather == "hanging":
                self._fair.clear()
            else:
                self._fair.set()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(DEADLINE_S)

    def let_late(self) -> int:
        """Let what was held as late arrive now; return how many."""
        return asyncio.run_coroutine_threadsafe(self._arrive(), self._loop).result(DEADLINE_S)

    def stop(self) -> None:
        """End it, with all that it holds."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        authority = self._plane.authority
        trusted = aiohttp.TCPConnector(ssl=authority.client_context(), limit=0)
        async with aiohttp.ClientSession(connector=trusted, auto_decompress=False) as self._session:
            app = web.Application(client_max_size=2**24)
            app.router.add_route("*", "/{path:.*}", self._pass)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
            await runner.setup()
            context = authority.server_context("faulty-proxy")
            await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=context).start()
            self._ready.set()
            await self._stopping.wait()
            await runner.cleanup()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(1.0)  # TLS connections take so long to be gone on a busy machine

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        await self._fair.wait()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        url = f"https://127.0.0.1:{self._plane.port}{request.path_qs}"
        fate, name = self._fate_of(request, body)
        if fate == "cut" or self._weather == "parted":
            assert request.transport is not None
            request.transport.close()
            return web.Response(status=500)
        if fate == "late":
            self._late.append((url, headers, body))
        if fate in {"reply lost", "doubled"}:
            for _ in range(2 if fate == "doubled" else 1):
                await self._send(url, headers, body)
        if fate in {"lost", "late", "reply lost", "doubled"}:
            self.held.add(name)
            await self._stopping.wait()  # the caller waits in vain
            return web.Response(status=500)
        return await self._stream(request, url, headers, body)

    def _fate_of(self, request: web.Request, body: bytes) -> tuple[Fate, str]:
        """The fate of a real patch is told by the action's id that rides in it."""
        if request.method == "PATCH" and "dryRun" not in request.query:
            for name, fate in self._fates.items():
                if f'\\"{name}\\"'.encode() in body:
                    return fate, name
        return "well", ""

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        async with self._session.patch(url, headers=headers, data=body) as answer:
            await answer.read()

    async def _arrive(self) -> int:
        late, self._late = self._late, []
        for url, headers, body in late:
            await self._send(url, headers, body)
        return len(late)

    async def _stream(
        self, request: web.Request, url: str, headers: Mapping[str, str], body: bytes
    ) -> web.StreamResponse:
        limits = aiohttp.ClientTimeout(total=None)
        call: Any = self._session.request(
            request.method, url, headers=headers, data=body or None, timeout=limits
        )
        async with call as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await self._fair.wait()
                if self._weather == "parted":
                    assert request.transport is not None
                    request.transport.abort()
                    break
                await response.write(chunk)
            await response.write_eof()
            return response
