"""Orders of people: only with the token, only what there is, and refused with a reason."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI

from knowledge.orders import NotKeptError, Order
from status.orders import Desk, orders_router

TOKEN = "a-token-of-thirty-two-characters"
DIGEST = "0123456789abcdef"


class Office:
    """Takes orders; knows one pause."""

    def __init__(self) -> None:
        self.taken: list[Order] = []
        self.app = FastAPI()
        desk = Desk(token=TOKEN, give=self._give, now_unix_ns=lambda: 1_000)
        self.app.include_router(orders_router(desk))

    async def _give(self, order: Order) -> str | None:
        if order.by == "unlucky":
            raise NotKeptError("the disk is full")
        if order.kind == "resume" and order.id != "pause-1":
            return f"nothing is called {order.id}"
        self.taken.append(order)
        return None

    def post(self, path: str, body: dict[str, Any], token: str | None = TOKEN) -> tuple[int, Any]:
        """One POST, straight through the ASGI interface."""
        sent: list[dict[str, Any]] = []
        content = json.dumps(body).encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        headers = [(b"content-type", b"application/json")]
        headers += [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        asyncio.run(self.app(scope, receive, send))
        text = b"".join(part.get("body", b"") for part in sent)
        return int(sent[0]["status"]), json.loads(text)


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", "ä"])
@pytest.mark.parametrize("path", ["approvals", "pauses", "resumes"])
def test_without_the_token_nothing_is_taken(office: Office, token: str, path: str) -> None:
    code, _ = office.post(f"/api/v1/{path}", {"by": "eve"}, token)
    assert code == 401
    assert office.taken == []


def test_an_approval_names_a_plan_and_its_author(office: Office) -> None:
    code, body = office.post("/api/v1/approvals", {"digest": DIGEST, "by": "ada"})
    assert (code, body) == (201, {"id": DIGEST})
    (order,) = office.taken
    assert order.kind == "approve"
    assert (order.digest, order.by, order.given_unix_ns) == (DIGEST, "ada", 1_000)


def test_a_pause_has_a_name_a_reason_and_an_end(office: Office) -> None:
    body = {"by": "ada", "reason": "migration", "namespace": "shop", "for_s": 60}
    code, taken = office.post("/api/v1/pauses", body)
    assert code == 201
    (order,) = office.taken
    assert order.kind == "pause"
    assert taken["id"] == order.id
    assert order.expires_unix_ns == 1_000 + 60 * 10**9
    assert order.covers("shop", "cart", now_unix_ns=2_000)
    assert not order.covers("other", "cart", now_unix_ns=2_000)
    assert not order.covers("shop", "cart", now_unix_ns=order.expires_unix_ns)


def test_what_cannot_be_taken_is_refused_with_the_reason(office: Office) -> None:
    code, body = office.post("/api/v1/resumes", {"id": "pause-2", "by": "ada"})
    assert (code, body["detail"]) == (409, "nothing is called pause-2")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("approvals", {"digest": "0123", "by": "ada"}),
        ("approvals", {"digest": DIGEST}),
        ("pauses", {"by": "ada"}),
        ("pauses", {"by": "ada", "reason": "x", "for_s": 0}),
        ("pauses", {"by": "ada", "reason": "x", "for_s": 1e9}),
        ("pauses", {"by": "ada", "reason": "two\nlines"}),
        ("pauses", {"by": "ada", "reason": "x", "namespaces": "shop"}),
    ],
)
def test_what_is_not_an_order_is_no_order(office: Office, path: str, body: Any) -> None:
    assert office.post(f"/api/v1/{path}", body)[0] == 422
    assert office.taken == []


def test_an_order_that_a_crash_would_forget_is_told_as_such(office: Office) -> None:
    code, body = office.post("/api/v1/pauses", {"reason": "hands off", "by": "unlucky"})
    assert code == 503
    assert "holds from now on, but is not kept: the disk is full" in body["detail"]
