"""An open-loop client over kept connections: Poisson arrivals, who answered, how long it took.

A request's time runs from when it was due, so that a client that is late hides no waiting.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One request. `backend` is the port that answered; 0 where it failed."""

    due_s: float
    latency_ms: float
    backend: int
    start_unix_ns: int
    end_unix_ns: int


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def offer(
    port: int,
    *,
    rate_per_s: float,
    for_s: float,
    seed: int,
    on_result: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Offer load to a port of 127.0.0.1; return the requests in the order in which they ended."""
    rng, results, idle = random.Random(seed), [], deque[Connection]()

    async def one(due_s: float) -> None:
        start, backend = time.time_ns(), 0
        try:
            async with asyncio.timeout(TIMEOUT_S):
                backend = await _ask(port, idle)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            backend = 0
        result = Result(
            due_s=due_s,
            latency_ms=(time.monotonic() - due_s) * 1e3,
            backend=backend,
            start_unix_ns=start,
            end_unix_ns=time.time_ns(),
        )
        results.append(result)
        on_result(result)

    began = due = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        while (due := due + rng.expovariate(rate_per_s)) < began + for_s:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            tasks.create_task(one(due))
    for _, writer in idle:
        writer.close()
    return results


async def _ask(port: int, idle: deque[Connection]) -> int:
    reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
    body = await reader.readexactly(length)
    status = int(head.split(" ", 2)[1])
    idle.append((reader, writer))
    return int(body) if status == 200 else 0


def share(results: Sequence[Result], backend: int) -> float:
    """The part of the answered requests that one backend answered."""
    answered = [r for r in results if r.backend]
    return sum(r.backend == backend for r in answered) / max(len(answered), 1)


def p99_ms(results: Sequence[Result]) -> float:
    """The latency that 1 of 100 exceeds."""
    ranked = sorted(r.latency_ms for r in results)
    return ranked[min(int(0.99 * len(ranked)), len(ranked) - 1)]


def failures(results: Sequence[Result]) -> int:
    """Requests that were not answered with 200."""
    return sum(not r.backend for r in results)


def seconds_until(
    is_so: Callable[[], bool],
    offered: Callable[[float, int], list[Result]],
    seen: list[Result],
    deadline_s: float,
) -> float:
    """Offer load until something holds; return after how long, or the deadline twice over."""
    began = time.monotonic()
    for seed in range(1000):
        if is_so():
            return time.monotonic() - began
        if time.monotonic() - began > deadline_s:
            break
        seen += offered(1.0, seed)
    return 2 * deadline_s


def interleaved(
    plain: Callable[[float, int], list[Result]], ours: Callable[[float, int], list[Result]]
) -> tuple[list[Result], list[Result]]:
    """Offer the same load to round robin and to ours, in turns; return what each did."""
    round_robin: list[Result] = []
    weighted: list[Result] = []
    for seed in (1, 2):
        round_robin += plain(6.0, seed)
        weighted += ours(6.0, seed)
    return round_robin, weighted


def compared(plain: Sequence[Result], ours: Sequence[Result], slow: int) -> dict[str, float]:
    """The figures of interleaved runs; the share of the slow one of three, 1 being an equal one."""
    return {
        "share_of_slow": 3 * share(ours, slow),
        "p99_ms_ours": p99_ms(ours),
        "p99_ms_round_robin": p99_ms(plain),
        "p99_ratio": p99_ms(ours) / p99_ms(plain),
    }
