"""What people may tell the service: approve a plan, pause, resume. Each needs the token."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from knowledge.orders import Approval, NotKeptError, Order, Pause, Resume

NAME: Final = r"^[^\x00-\x1f\x7f]{1,200}$"
PAUSE_S_MAX: Final = 30 * 86_400.0
"""A pause that is longer than this is a setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where orders are handed in.

    `give` returns why an order cannot be taken, or None once it is durable; it raises
    `NotKeptError` where it only holds.
    `token`: whoever knows it may give orders.
    """

    token: str
    give: Callable[[Order], Awaitable[str | None]]
    now_unix_ns: Callable[[], int]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(pattern=NAME, description="who gives the order, in the author's own words")


class ApprovalBody(_Body):
    """A person has seen the plan of this digest and wants it done."""

    digest: str = Field(pattern="^[0-9a-f]{16}$", description="as /status shows it with the plan")


class PauseBody(_Body):
    """Nothing is to be written to what the pause covers."""

    reason: str = Field(pattern=NAME)
    namespace: str = Field(default="", max_length=253, description="empty: all")
    workload: str = Field(default="", max_length=253, description="empty: all")
    for_s: float | None = Field(
        default=None, gt=0, le=PAUSE_S_MAX, description="null: until it is ended"
    )


class ResumeBody(_Body):
    """A pause is over, or an issue that was handed to a person may be treated again."""

    id: str = Field(pattern=NAME, description="of the pause or of the issue, as /status shows it")


class TakenView(BaseModel):
    """The order was taken: it holds at once, and is durable."""

    id: str


def orders_router(desk: Desk) -> APIRouter:
    """Return the routes under which orders are given."""

    def allowed(authorization: Annotated[str, Header()] = "") -> None:
        scheme, _, given = authorization.partition(" ")
        is_known = secrets.compare_digest(given.strip().encode(), desk.token.encode())
        if scheme.lower() != "bearer" or not is_known:
            raise HTTPException(
                401, "orders need the bearer token", headers={"WWW-Authenticate": "Bearer"}
            )

    router = APIRouter(
        prefix="/api/v1",
        dependencies=[Depends(allowed)],
        responses={
            401: {"description": "the token is missing or wrong"},
            409: {"description": "there is nothing of that name to approve or to resume"},
            503: {"description": "it holds from now on, but a crash would forget it: try again"},
        },
    )

    async def given(order: Order, name: str) -> TakenView:
        try:
            refusal = await desk.give(order)
        except NotKeptError as error:
            text = f"it holds from now on, but is not kept: {error}; give it again"
            raise HTTPException(503, text) from error
        if refusal is not None:
            raise HTTPException(409, refusal)
        return TakenView(id=name)

    @router.post("/approvals", status_code=201)
    async def approve(body: ApprovalBody) -> TakenView:
        """Approve one plan: exactly this change of exactly this state of its target, once."""
        order = Approval(digest=body.digest, by=body.by, given_unix_ns=desk.now_unix_ns())
        return await given(order, body.digest)

    @router.post("/pauses", status_code=201)
    async def pause(body: PauseBody) -> TakenView:
        """Pause a workload, a namespace, or all of it; what is under way is not written on."""
        now = desk.now_unix_ns()
        order = Pause(
            id=f"pause-{secrets.token_hex(4)}",
            namespace=body.namespace,
            workload=body.workload,
            reason=body.reason,
            by=body.by,
            given_unix_ns=now,
            expires_unix_ns=None if body.for_s is None else now + int(body.for_s * 1e9),
        )
        return await given(order, order.id)

    @router.post("/resumes", status_code=201)
    async def resume(body: ResumeBody) -> TakenView:
        """End a pause, or let an escalated issue be treated again."""
        return await given(
            Resume(id=body.id, by=body.by, given_unix_ns=desk.now_unix_ns()), body.id
        )

    return router
