"""The HTTP surface: /status, /livez, /readyz, and the OpenAPI description at /docs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Response
from fastapi.responses import PlainTextResponse

from knowledge.snapshot import StatusSnapshot, TraceRecord
from status.diagnosis import Diagnose, diagnosis_router
from status.metrics import CONTENT_TYPE, render
from status.orders import Desk, orders_router
from status.views import StatusView, TraceView, view


def create_app(
    read: Callable[[], StatusSnapshot],
    diagnose: Diagnose,
    *,
    find_trace: Callable[[str], Awaitable[TraceRecord]],
    version: str,
    desk: Desk | None = None,
) -> FastAPI:
    """Return the app; `read` hands out the latest snapshot and must not block.

    `find_trace` looks up what is still held of a trace, given as 32 hex digits. Without a `desk`
    nobody can give orders.

    All handlers run in the brain's own loop, between its steps: nothing changes while they read.
    """
    app = FastAPI(
        title="Homeostat",
        version=version,
        description="What is wrong, why, and what is being done about it.",
    )

    app.include_router(diagnosis_router(diagnose))
    if desk is not None:
        app.include_router(orders_router(desk))

    @app.get("/status")
    async def status() -> StatusView:
        """Return all that is known: services, issues with causes and plans, actions."""
        return view(read())

    @app.get("/api/v1/traces/{trace_id}", responses={404: {"description": "not held (any more)"}})
    async def trace(trace_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]) -> TraceView:
        """Return the spans and logs of one trace as their senders wrote them.

        Only the newest requests are held (`receiver.recent_bytes_max`).
        """
        found = await find_trace(trace_id)
        if not found.spans and not found.logs:
            raise HTTPException(404, f"no receiver holds trace {trace_id} (any more)")
        return TraceView.model_validate(found, from_attributes=True)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Return the counters for Prometheus, with the Collector's names where it has some."""
        return PlainTextResponse(render(read()), media_type=CONTENT_TYPE)

    @app.get("/livez", response_class=PlainTextResponse)
    async def livez() -> str:
        """Answer while the process serves; nothing else is looked at."""
        return "ok\n"

    @app.get("/readyz", response_class=PlainTextResponse)
    async def readyz(response: Response) -> str:
        """Answer 503 while the control plane is halted: data still flows, actions do not."""
        halted = read().halted
        if halted is None:
            return "ok\n"
        response.status_code = 503
        return f"halted: {halted}\n"

    return app
