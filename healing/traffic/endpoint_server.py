"""The door at which Envoy asks for endpoints; on a port of its own, for proxies only."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from healing.traffic.envoy import answer
from knowledge.traffic import Weight

log = logging.getLogger(__name__)
BODY_BYTES_MAX: Final = 1 << 20
"""A request names its node and some clusters."""


def endpoint_app(
    weights: Callable[[], Mapping[str, tuple[Weight, ...]]], count: Callable[[int], None]
) -> Starlette:
    """Return the app. `weights` are looked at with each answer; `count` is told each status."""

    async def discover(request: Request) -> Response:
        status, body = await _discovered(request, weights)
        count(status)
        if status == 200:  # noqa: PLR2004 - HTTP's own number
            return JSONResponse(body)
        return PlainTextResponse(str(body), status)

    return Starlette(routes=[Route("/v3/discovery:endpoints", discover, methods=["POST"])])


async def _discovered(
    request: Request, weights: Callable[[], Mapping[str, tuple[Weight, ...]]]
) -> tuple[int, object]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return 413, f"a DiscoveryRequest has at most {BODY_BYTES_MAX} bytes"
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        return 400, f"not JSON: {error}"
    told = asked.get("error_detail") if isinstance(asked, dict) else None
    if told:
        log.warning("Envoy refused our endpoints: %s", told)
    return answer(asked, weights())
