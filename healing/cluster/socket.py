"""The cluster port over a local socket: how the service reaches the digital twin."""

import asyncio
from typing import Any, Final

from pydantic import ValidationError

from knowledge.breakers import BreakerRecord
from knowledge.cluster import ClusterReport, ClusterUnavailableError, WriteIntent, WriteOutcome
from knowledge.codec import from_json, to_json
from knowledge.framing import PREFIX_BYTES as PREFIX
from knowledge.framing import FramingError, pack, parse_header, parse_lengths

TIMEOUT_S: Final = 4.0


class SocketCluster:
    """An adapter of `knowledge.cluster.Cluster`; one request at a time, reconnecting as needed."""

    excess: tuple[str, ...] = ()
    breakers: tuple[BreakerRecord, ...] = ()
    """Rights that nobody should have given us: a socket knows none."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def report(self) -> ClusterReport:
        """Return the present facts.

        Raises:
            ClusterUnavailableError: the socket does not answer in time, or not as it should.
        """
        body = await self._ask({"method": "report"})
        try:
            return from_json(ClusterReport, body)
        except ValidationError as error:
            raise ClusterUnavailableError(f"{self._path} sent no report: {error}") from error

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        """Hand the write over and return what became of it.

        Raises:
            ClusterUnavailableError: no answer came; the write may or may not have happened.
        """
        body = await self._ask({"method": "write"}, to_json(intent))
        try:
            return from_json(WriteOutcome, body)
        except ValidationError as error:
            raise ClusterUnavailableError(f"{self._path} sent no outcome: {error}") from error

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, header: dict[str, Any], body: bytes = b"") -> bytes:
        async with self._lock:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    answer, content = await self._exchange(header, body)
            except (OSError, EOFError, TimeoutError, FramingError) as error:
                await self.close()
                raise ClusterUnavailableError(f"{self._path}: {error!r}") from error
        if not answer.get("ok"):
            raise ClusterUnavailableError(f"{self._path}: {answer.get('error', 'refused')}")
        return content

    async def _exchange(self, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(self._path)
        reader, writer = self._streams
        writer.write(pack(header, len(body)))
        writer.write(body)
        await writer.drain()
        header_bytes, body_bytes = parse_lengths(await reader.readexactly(PREFIX))
        answer = parse_header(await reader.readexactly(header_bytes))
        return answer, await reader.readexactly(body_bytes)
