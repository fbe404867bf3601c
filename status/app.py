"""The HTTP surface: /status, /livez, /readyz, and the OpenAPI description at /docs."""

from collections.abc import Callable

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from knowledge.snapshot import StatusSnapshot
from status.diagnosis import Diagnose, diagnosis_router
from status.views import StatusView, view


def create_app(read: Callable[[], StatusSnapshot], diagnose: Diagnose, *, version: str) -> FastAPI:
    """Return the app; `read` hands out the latest snapshot and must not block.

    All handlers run in the brain's own loop, between its steps: nothing changes while they read.
    """
    app = FastAPI(
        title="Homeostat",
        version=version,
        description="What is wrong, why, and what is being done about it.",
    )

    app.include_router(diagnosis_router(diagnose))

    @app.get("/status")
    async def status() -> StatusView:
        """Return all that is known: services, issues with causes and plans, actions."""
        return view(read())

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
