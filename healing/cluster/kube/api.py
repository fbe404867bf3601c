"""One connection to one API server: raw JSON in and out, no retries, a time limit on each request.

Nothing of the client's typed models is used: they raise on answers to writes that took effect, and
decode thousands of objects a hundred times slower (docs/decisions/0030). The answer's status alone
says what became of a request.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config.config_exception import ConfigException

CONNECT_S: Final = 2.0
READ_S: Final = 8.0
"""Longer than the server's own 4 s for a write, so that its answer is not missed."""
WRITE_S: Final = 4
"""The server gives a write up by itself after this: nothing of ours can recall it."""
FAREWELL_S: Final = 0.25
"""TLS connections that were closed take so long to be gone:
https://docs.aiohttp.org/en/stable/client_advanced.html#graceful-shutdown"""
JSON_PATCH: Final = "application/json-patch+json"
UNREACHABLE: Final = (OSError, aiohttp.ClientError, TimeoutError)
"""What a request raises when no answer came. asyncio's and the socket's time-outs are the last."""


class ApiSettingsError(Exception):
    """The API server cannot be addressed with these settings; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said. `reason` and `message` are those of a Status, where it is one."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's success

    def json(self) -> Any:
        """The object in the answer."""
        return msgspec.json.decode(self.body)

    def message(self) -> str:
        """Why it was not done, in the server's words."""
        try:
            told = str(msgspec.json.decode(self.body)["message"])
        except (msgspec.DecodeError, KeyError, TypeError):
            told = self.body[:200].decode(errors="replace")
        return f"{self.status}: {told}"


class Api:
    """Asks one API server, as one user."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @classmethod
    async def connect(cls, *, kubeconfig: Path | None, context: str | None) -> Self:
        """Read the credentials: those of the pod that we run in, or those of a kubeconfig.

        Raises:
            ApiSettingsError: there are none, or they cannot be read.
        """
        configuration = Configuration()
        try:
            if kubeconfig is None:
                config.load_incluster_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration
                )
            else:
                await config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=str(kubeconfig), context=context, client_configuration=configuration
                )
        except (ConfigException, OSError, KeyError, TypeError) as error:
            where = f"cluster.kubeconfig {kubeconfig}" if kubeconfig else "in-cluster credentials"
            raise ApiSettingsError(f"{where}: {error}") from error
        configuration.retries = False
        return cls(ApiClient(configuration))

    async def get(self, path: str, **query: str) -> Answer:
        """Read once."""
        return await self._ask("GET", path, query=query)

    async def patch(
        self, path: str, operations: list[dict[str, Any]], *, is_dry_run: bool
    ) -> Answer:
        """Apply a JSON Patch, or let the server say what would come of it."""
        query = {"fieldManager": "homeostat", "timeout": f"{WRITE_S}s"}
        if is_dry_run:
            query["dryRun"] = "All"
        return await self._ask("PATCH", path, query=query, body=operations, content=JSON_PATCH)

    async def send(self, method: str, path: str, body: Any) -> Answer:
        """Create (POST) or replace (PUT) one object of our own."""
        query = {"fieldManager": "homeostat", "timeout": f"{WRITE_S}s"}
        return await self._ask(method, path, query=query, body=body)

    async def stream(self, path: str, query: Mapping[str, str], *, idle_s: float) -> Any:
        """Open a watch; the caller reads and releases the response."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=idle_s)
        answer = await self._call("GET", path, query, None, "application/json", limits)
        return answer.response

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        body: Any = None,
        content: str = "application/json",
    ) -> Answer:
        limits = aiohttp.ClientTimeout(total=CONNECT_S + READ_S, sock_connect=CONNECT_S)
        answer = await self._call(method, path, query, body, content, limits)
        after = answer.headers.get("Retry-After", "")
        return Answer(
            status=answer.status,
            body=await answer.read(),
            retry_after_s=float(after) if after.isdigit() else None,
        )

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        content: str,
        limits: aiohttp.ClientTimeout,
    ) -> Any:
        configuration = self._client.configuration
        headers = {"Accept": "application/json", "Content-Type": content}
        # tokens are read anew here when they are due
        for auth in (await configuration.auth_settings()).values():
            headers[auth["key"]] = auth["value"]
        url = f"{configuration.host}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        return await self._client.call_api(
            method, url, header_params=headers, body=body, _request_timeout=limits
        )

    async def close(self) -> None:
        """Close all connections, without waiting for a server's farewell."""
        session = self._client.rest_client.pool_manager
        if session is not None and session.connector is not None:
            await session.connector.close(abort_ssl=True)
        await self._client.close()  # type: ignore[no-untyped-call]
        await asyncio.sleep(FAREWELL_S)


class LateApi(Api):
    """Connects with its first request: for what is wired before there is an event loop."""

    def __init__(self, *, kubeconfig: Path | None, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._connecting = asyncio.Lock()
        self._connected: Api | None = None

    async def _call(self, *arguments: Any) -> Any:
        async with self._connecting:
            if self._connected is None:
                try:
                    self._connected = await Api.connect(
                        kubeconfig=self._kubeconfig, context=self._context
                    )
                except ApiSettingsError as error:
                    raise ConnectionError(str(error)) from error
        return await self._connected._call(*arguments)  # noqa: SLF001 - its own kind

    async def close(self) -> None:
        """Close all connections, if there are any."""
        if self._connected is not None:
            await self._connected.close()
            self._connected = None
