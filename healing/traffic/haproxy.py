"""HAProxy's runtime socket: read which weights its servers have, set those that differ.

Reading first each time makes a restart of HAProxy, or a person at its socket, the same case as any.
https://docs.haproxy.org/2.6/management.html#9.3
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from knowledge.traffic import Weight

WEIGHT_MAX: Final = 256
WEIGHT_OF_EQUAL_SHARE: Final = 100
TIMEOUT_S: Final = 2.0
ANSWER_BYTES_MAX: Final = 4 << 20


class HaproxyError(Exception):
    """HAProxy was not reached, or refused; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server of a backend as HAProxy has it."""

    name: str
    address: str
    weight: int


def parse_servers(text: str) -> tuple[Server, ...]:
    """Read the answer to `show servers state`.

    Raises:
        HaproxyError: it is not such an answer.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[1].startswith("# "):  # noqa: PLR2004 - version, then names
        raise HaproxyError(f"no state of servers: {text.strip()[:200]}")
    names = lines[1][2:].split()
    rows = [dict(zip(names, line.split(), strict=False)) for line in lines[2:]]
    try:
        return tuple(
            Server(
                name=row["srv_name"],
                address=_address(row["srv_addr"], row["srv_port"]),
                weight=int(row["srv_uweight"]),
            )
            for row in rows
        )
    except (KeyError, ValueError) as error:
        raise HaproxyError(f"a state of servers that is not understood: {error}") from error


def wanted(weights: tuple[Weight, ...]) -> dict[str, int]:
    """Return HAProxy's weight per address: 0 takes no new traffic, 1 to 256 are ratios."""
    largest = max((weight.weight for weight in weights), default=1.0)
    scale = min(WEIGHT_OF_EQUAL_SHARE, WEIGHT_MAX / largest) if largest > 0 else 0
    return {w.address: max(round(w.weight * scale), 1) if w.place == "in" else 0 for w in weights}


def changes(servers: tuple[Server, ...], target: Mapping[str, int]) -> dict[str, int]:
    """Return the weight to set per server name; servers that we do not know are left alone."""
    return {
        server.name: target[server.address]
        for server in servers
        if server.address in target and server.weight != target[server.address]
    }


async def carry(
    socket: str, backend: str, weights: tuple[Weight, ...], may_write: Callable[[], bool]
) -> str:
    """Make HAProxy's weights ours, while `may_write`; return what was done, in words.

    Raises:
        HaproxyError: it was not reached, or refused.
    """
    servers = parse_servers(await _ask(socket, f"show servers state {backend}"))
    target = wanted(weights)
    if absent := sorted(set(target) - {server.address for server in servers}):
        raise HaproxyError(f"{backend} has no server at {', '.join(absent)}")
    changed = changes(servers, target)
    for done, (name, weight) in enumerate(changed.items()):
        if not may_write():
            return f"{done} of {len(changed)} weights set, then nothing more may be written"
        if said := (await _ask(socket, f"set server {backend}/{name} weight {weight}")).strip():
            raise HaproxyError(f"{backend}/{name}: {said}")
    return f"{len(changed)} of {len(servers)} weights set"


async def _ask(socket: str, command: str) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(socket, limit=ANSWER_BYTES_MAX)
            try:
                writer.write(command.encode() + b"\n")
                await writer.drain()
                return (await reader.read(ANSWER_BYTES_MAX)).decode("utf-8", "replace")
            finally:
                writer.close()
    except TimeoutError as error:
        raise HaproxyError(f"{socket}: no answer within {TIMEOUT_S:g} s") from error
    except OSError as error:
        raise HaproxyError(f"{socket}: {error.strerror or error}") from error


def _address(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
