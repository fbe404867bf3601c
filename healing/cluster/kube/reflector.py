"""A live copy of one kind of objects: listed in pages, then watched, and honest about its age.

Own code, since the client's informer asks again at once, without end, after any error, and knows no
paging, bookmarks or time limits (docs/decisions/0030). The protocol:
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from healing.cluster.kube.api import UNREACHABLE, Answer, Api
from healing.cluster.kube.held_api import HeldBackError
from healing.cluster.kube.objects import Meta

PAGE: Final = 500
WATCH_S: Final = 12
"""A watch is opened anew after this, which proves that the server still answers."""
IDLE_S: Final = 5.0
"""Silence beyond the watch's own end: the connection is dead."""
BACKOFF_S_MIN: Final = 0.8
BACKOFF_S_MAX: Final = 30.0
SPREAD_S: Final = 1.0
ABSENT_S: Final = 15.0
"""How often it is looked whether an API that the cluster lacks has come."""
GONE: Final = 410
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404


class HasMeta(Protocol):
    """Any object that is kept."""

    @property
    def metadata(self) -> Meta:
        """Its metadata."""
        ...


K = TypeVar("K", bound=HasMeta)


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Marked(msgspec.Struct):
    metadata: _ListMeta


class _Refusal(msgspec.Struct):
    code: int = 0
    message: str = ""


class ReflectorError(Exception):
    """The copy cannot be kept up just now."""

    def __init__(self, text: str, *, status: int = 0, after_s: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.after_s = after_s


class Reflector(Generic[K]):
    """Keeps `objects` (by uid) up to date while `run` runs."""

    def __init__(
        self,
        api: Api,
        path: str,
        decode: Callable[[msgspec.Raw], K],
        *,
        rng: Random,
        is_optional: bool = False,
    ) -> None:
        self._api = api
        self._path = path
        self._decode = decode
        self._rng = rng
        self._is_optional = is_optional
        self._version = ""
        self.objects: dict[str, K] = {}
        self.error: str | None = "not listed yet"
        self.request_count = 0
        self._proved_s: float | None = None

    @property
    def path(self) -> str:
        """Which collection is copied."""
        return self._path

    def age_s(self) -> float | None:
        """How long ago the copy was surely that of the server; None: never."""
        return None if self._proved_s is None else max(0.0, _now_s() - self._proved_s)

    def note(self, kept: K) -> None:
        """Take an object from a write's answer, so that we read what we wrote."""
        self._keep(kept)

    async def run(self) -> None:
        """Keep the copy up to date until cancelled."""
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                failures = 0
            except ReflectorError as error:
                failures += 1
                if error.status == GONE:
                    self._version = ""
                await asyncio.sleep(self._pause_s(error, failures))
            except HeldBackError as held:  # not asked: nothing new is known of the server
                self.error = f"{self._path}: {held}"
                await asyncio.sleep(held.after_s + self._rng.uniform(0.0, SPREAD_S))
            except UNREACHABLE as error:
                failures += 1
                self.error = f"{self._path}: {error!r}"
                await asyncio.sleep(self._pause_s(ReflectorError(""), failures))

    def _pause_s(self, error: ReflectorError, failures: int) -> float:
        """How long to wait: grows with each failure in a row, never in step with others."""
        if error.status == NOT_FOUND and self._is_optional:
            # the cluster does not have this API: there is nothing to copy, and that is known
            self.objects, self.error, self._proved_s = {}, None, _now_s()
            return ABSENT_S * self._rng.uniform(0.9, 1.1)
        if error.status:
            self.error = f"{self._path}: {error}"
        ceiling = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** min(failures - 1, 10))
        if error.status == FORBIDDEN:
            ceiling = BACKOFF_S_MAX
        return max(error.after_s or 0.0, self._rng.uniform(ceiling / 2, ceiling))

    async def _list(self) -> None:
        began_s = _now_s()
        found: dict[str, K] = {}
        following = ""
        while True:
            query = {"limit": str(PAGE), **({"continue": following} if following else {})}
            self.request_count += 1
            answer = await self._api.get(self._path, **query)
            if not answer.ok:
                raise _refused(answer)
            try:
                page = msgspec.json.decode(answer.body, type=_List)
                for raw in page.items or ():
                    kept = self._decode(raw)
                    found[kept.metadata.uid] = kept
            except msgspec.DecodeError as error:
                raise ReflectorError(f"not a list: {error}", status=answer.status) from error
            following = page.metadata.continue_
            if not following:
                break
            await asyncio.sleep(0)  # a page at a time: others want the loop too
        self.objects, self._version = found, page.metadata.resource_version
        self._proved_s, self.error = began_s, None

    async def _watch(self) -> None:
        seconds = WATCH_S + self._rng.randrange(-2, 3)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(seconds),
        }
        self.request_count += 1
        opened_s = _now_s()
        response = await self._api.stream(self._path, query, idle_s=seconds + IDLE_S)
        try:
            if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                body = await response.read()
                raise _refused(Answer(status=response.status, body=body))
            # what the last watch was sent it was sent in full, or this one would not begin there
            self._proved_s, self.error = opened_s, None
            async for line in _lines(response):
                self._take(line)
        finally:
            response.close()  # what is left of a stream is of no use to the next request
        self._proved_s = _now_s()

    def _take(self, line: bytes) -> None:
        try:
            event = msgspec.json.decode(line, type=_Event)
            match event.type:
                case "BOOKMARK":
                    marked = msgspec.json.decode(event.object, type=_Marked)
                    self._version = marked.metadata.resource_version
                case "ERROR":
                    refusal = msgspec.json.decode(event.object, type=_Refusal)
                    raise ReflectorError(refusal.message, status=refusal.code)
                case _:
                    kept = self._decode(event.object)
                    self._version = kept.metadata.resource_version
                    if event.type == "DELETED":
                        self.objects.pop(kept.metadata.uid, None)
                    else:
                        self._keep(kept)
        except msgspec.DecodeError as error:
            # what cannot be read cannot be skipped either: the copy is made anew
            raise ReflectorError(f"not an event: {error}", status=GONE) from error
        self._proved_s = _now_s()

    def _keep(self, kept: K) -> None:
        known = self.objects.get(kept.metadata.uid)
        if known is None or _order(known.metadata) <= _order(kept.metadata):
            self.objects[kept.metadata.uid] = kept


def _order(meta: Meta) -> int:
    """Versions of one object are ordered numbers since Kubernetes 1.35 (KEP-5504)."""
    return int(meta.resource_version) if meta.resource_version.isdigit() else 0


def _now_s() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _refused(answer: Answer) -> ReflectorError:
    return ReflectorError(answer.message(), status=answer.status, after_s=answer.retry_after_s)


async def _lines(response: Any) -> AsyncIterator[bytes]:
    """The lines of a response, however long."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


def decoder(kind: type[K]) -> Callable[[msgspec.Raw], K]:
    """Return what turns JSON into `kind`, reading only its own fields."""
    made: Any = msgspec.json.Decoder(kind)

    def decode(raw: msgspec.Raw) -> K:
        kept: K = made.decode(raw)
        return kept

    return decode
