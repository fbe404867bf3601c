"""The copy of a collection: what it does about each way in which a server can let it down."""

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from healing.cluster.kube.api import Answer
from healing.cluster.kube.objects import Bare
from healing.cluster.kube.reflector import Reflector, ReflectorError, decoder

PATH = "/api/v1/things"


def _thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


def _page(*things: dict[str, Any], version: int = 10, more: str = "") -> Answer:
    meta = {"resourceVersion": str(version), "continue": more}
    return Answer(status=200, body=json.dumps({"metadata": meta, "items": things}).encode())


def _event(kind: str, thing: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


class _Stream:
    """A watch that says its lines in chunks of seven bytes, then ends."""

    def __init__(self, *lines: bytes, status: int = 200) -> None:
        self.status = status
        self._text = b"".join(lines)
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._text), 7):
            yield self._text[start : start + 7]

    async def read(self) -> bytes:
        return self._text

    def close(self) -> None:
        pass


class Server:
    """Answers what it is told to, in order; then the test is over."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, str]] = []

    def _next(self, query: dict[str, str]) -> Any:
        self.asked.append(query)
        if not self._answers:
            raise asyncio.CancelledError
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def get(self, _: str, **query: str) -> Any:
        return self._next(query)

    async def stream(self, _: str, query: dict[str, str], *, idle_s: float) -> Any:
        assert idle_s > float(query["timeoutSeconds"])
        return self._next(query)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited; nothing really waits."""
    seconds: list[float] = []

    async def sleep(delay: float) -> None:
        if delay:
            seconds.append(delay)

    monkeypatch.setattr("healing.cluster.kube.reflector.asyncio.sleep", sleep)
    return seconds


def _run(server: Server, *, is_optional: bool = False) -> Reflector[Bare]:
    copy: Reflector[Bare] = Reflector(
        server,  # type: ignore[arg-type]  # stands in for the connection
        PATH,
        decoder(Bare),
        rng=Random(1),
        is_optional=is_optional,
    )

    async def run() -> None:
        try:
            await copy.run()
        except asyncio.CancelledError:
            return

    asyncio.run(run())
    return copy


def test_pages_are_put_together_and_watched_from_their_end(slept: list[float]) -> None:
    server = Server(_page(_thing("a", 1), more="next"), _page(_thing("b", 2)), _Stream())
    copy = _run(server)
    assert set(copy.objects) == {"a", "b"}
    assert server.asked[1]["continue"] == "next"
    assert server.asked[2]["resourceVersion"] == "10"
    assert server.asked[2]["allowWatchBookmarks"] == "true"
    assert slept == []


def test_events_change_the_copy_and_bookmarks_move_it_on(slept: list[float]) -> None:
    lines = (
        _event("ADDED", _thing("b", 11)),
        _event("DELETED", _thing("a", 12)),
        _event("BOOKMARK", {"metadata": {"resourceVersion": "20"}}),
    )
    server = Server(_page(_thing("a", 1)), _Stream(*lines))
    copy = _run(server)
    assert set(copy.objects) == {"b"}
    assert server.asked[-1]["resourceVersion"] == "20"
    assert slept == []


def test_what_is_gone_is_listed_anew(slept: list[float]) -> None:
    gone = {"code": 410, "message": "too old resource version"}
    server = Server(
        _page(_thing("a", 1)), _Stream(_event("ERROR", gone)), _page(_thing("b", 2)), _Stream()
    )
    copy = _run(server)
    assert set(copy.objects) == {"b"}
    assert "watch" not in server.asked[2]
    assert len(slept) == 1


def test_permanent_errors_are_asked_about_ever_more_rarely(slept: list[float]) -> None:
    server = Server(*(OSError("connection refused") for _ in range(40)))
    copy = _run(server)
    assert copy.age_s() is None
    assert "connection refused" in str(copy.error)
    assert all(15 <= pause <= 30 for pause in slept[7:])
    assert len(set(slept)) == len(slept)  # never in step


def test_a_server_that_says_when_is_believed(slept: list[float]) -> None:
    busy = Answer(status=429, body=b'{"message": "later"}', retry_after_s=7.0)
    _run(Server(busy))
    assert slept[0] >= 7.0


def test_who_may_not_read_asks_rarely_and_says_so(slept: list[float]) -> None:
    copy = _run(Server(Answer(status=403, body=b'{"message": "things is forbidden"}')))
    assert slept[0] >= 15
    assert copy.age_s() is None
    assert "things is forbidden" in str(copy.error)


def test_an_api_that_the_cluster_lacks_is_known_to_be_empty(slept: list[float]) -> None:
    absent = Answer(status=404, body=b"404 page not found")
    assert _run(Server(absent), is_optional=True).age_s() is not None
    assert _run(Server(absent)).age_s() is None
    assert slept


def test_a_broken_event_is_not_skipped(slept: list[float]) -> None:
    server = Server(_page(_thing("a", 1)), _Stream(b'{"type": "ADDED"}\n'), _page(_thing("c", 3)))
    assert set(_run(server).objects) == {"c"}
    assert len(slept) == 1


def test_our_own_write_is_read_at_once_and_not_undone_by_older_news(slept: list[float]) -> None:
    copy = _run(Server(_page(_thing("a", 5)), _Stream()))
    copy.note(decoder(Bare)(json.dumps(_thing("a", 9)).encode()))  # type: ignore[arg-type]
    copy._take(_event("MODIFIED", _thing("a", 7)))
    assert copy.objects["a"].metadata.resource_version == "9"
    assert slept == []


def test_a_refusal_carries_its_status() -> None:
    error = ReflectorError("no", status=403)
    assert (str(error), error.status, error.after_s) == ("no", 403, None)
