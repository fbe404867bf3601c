"""Calls to an API server are held back while it does not answer, and nothing else holds them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from healing.cluster.kube.api import Answer, Api
from healing.cluster.kube.held_api import HeldApi, HeldBackError

SECOND_NS = 10**9


class Server(HeldApi):
    """The calls go to a list of answers instead of a connection; time is set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = SECOND_NS
        self.sent = 0
        self.says: Any = 200
        self.takes_s = 0.0
        self.message = ""
        super().__init__(None, now_unix_ns=lambda: self.now, rng=Random(1))

        async def ask(_: Api, *__: Any, **___: Any) -> Answer:
            self.sent += 1
            self.now += int(self.takes_s * SECOND_NS)
            if isinstance(self.says, BaseException):
                raise self.says
            return Answer(status=self.says, body=json.dumps({"message": self.message}).encode())

        monkeypatch.setattr(Api, "_ask", ask)
        monkeypatch.setattr(Api, "stream", ask)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


async def _awaited(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


def _tried(call: Callable[[], Awaitable[Any]], count: int) -> int:
    """How many of the calls were held back."""
    held = 0
    for _ in range(count):
        try:
            asyncio.run(_awaited(call))
        except HeldBackError:
            held += 1
        except OSError:
            pass
    return held


def _read(server: Server) -> Callable[[], Awaitable[Any]]:
    return lambda: server.get("/api/v1/pods")


def _write(server: Server) -> Callable[[], Awaitable[Any]]:
    return lambda: server.patch("/apis/apps/v1/deployments", [], is_dry_run=True)


def _mode(server: Server, calls: str) -> str:
    return next(record.mode for record in server.breakers() if record.calls == calls)


@pytest.mark.parametrize("says", [ConnectionRefusedError(), TimeoutError(), 500, 502, 503, 504])
def test_a_server_that_does_not_answer_is_asked_no_more(server: Server, says: Any) -> None:
    server.says = says
    assert _tried(_read(server), 30) == 20
    assert server.sent == 10
    record = server.breakers()[0]
    assert (record.mode, record.held_back_count) == ("open", 20)
    assert "the next is tried in" in record.reason


@pytest.mark.parametrize("says", [401, 403, 404, 409, 410, 422, 429])
def test_what_a_well_server_answers_holds_nothing_back(server: Server, says: int) -> None:
    server.says = says
    assert _tried(_read(server), 50) == 0
    assert _tried(_write(server), 50) == 0


def test_answers_that_come_late_count_against_it(server: Server) -> None:
    server.takes_s = 6.0
    assert _tried(_read(server), 20) == 10


def test_each_kind_of_call_is_held_back_by_itself(server: Server) -> None:
    server.says = 503
    _tried(_write(server), 4)
    server.says = 200
    assert (_mode(server, "write"), _mode(server, "read")) == ("open", "closed")
    assert _tried(_read(server), 5) == 0
    watch = asyncio.run(server.stream("/api/v1/pods", {}, idle_s=1.0))
    assert watch.status == 200
    with pytest.raises(
        HeldBackError, match=r"too many writes failed or were late \(at last: status 503"
    ):
        asyncio.run(_awaited(_write(server)))


def test_a_server_that_is_back_is_asked_again_within_20_s(server: Server) -> None:
    server.says = ConnectionRefusedError()
    for _ in range(600):  # ten minutes without an answer
        _tried(_read(server), 3)
        server.now += SECOND_NS
    asked = server.sent
    assert asked < 150  # instead of 1,800
    server.says = 200
    waited_s = 0
    while _tried(_read(server), 3):
        server.now += SECOND_NS
        waited_s += 1
    assert waited_s <= 20
    assert _mode(server, "read") == "closed"


def test_a_call_that_was_cancelled_leaves_the_way_free(server: Server) -> None:
    server.says = 503
    _tried(_write(server), 4)
    server.now += 10 * SECOND_NS
    server.says = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_awaited(_write(server)))
    server.says = 200
    assert _tried(_write(server), 1) == 0
    assert _mode(server, "write") == "closed"


@pytest.mark.parametrize(
    "message",
    [
        'Internal error occurred: failed calling webhook "a.b.c": connection refused',
        'admission webhook "a.b.c" denied the request: it is out of order',
        "conversion webhook for x.dev/v1, Kind=X failed: connection refused",
    ],
)
def test_a_broken_webhook_of_some_objects_holds_no_others_back(
    server: Server, message: str
) -> None:
    server.says, server.message, server.takes_s = 500, message, 6.0
    assert _tried(_write(server), 30) == 0
    assert _mode(server, "write") == "closed"
    server.message = "etcdserver: no leader"
    assert _tried(_write(server), 40) > 0


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("event", "/apis/events.k8s.io/v1/namespaces/shop/events"),
        ("review", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
    ],
)
def test_what_is_told_beside_a_write_never_holds_a_write_back(
    server: Server, kind: str, path: str
) -> None:
    server.says = 500
    assert _tried(lambda: server.send("POST", path, {}), 30) == 20
    assert (_mode(server, kind), _mode(server, "write")) == ("open", "closed")
    server.says = 200
    assert _tried(_write(server), 5) == 0


def test_writes_that_failed_long_ago_hold_nothing_back(server: Server) -> None:
    server.says = 500
    for _ in range(8):
        assert _tried(_write(server), 1) == 0
        server.now += 3600 * SECOND_NS
    assert _mode(server, "write") == "closed"
