"""A sender that obeys OTLP: consumers that each hold a batch until it is acknowledged.

So does the Collector's exporter (`sending_queue`, `num_consumers`): what is refused for now is sent
again after the delay that it was told, what is refused for good is dropped, and counted as dropped.
Run as `python -m bench.overload.client ORDER`, with an Order as JSON; prints a Tally as JSON.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Final

import grpc
from google.rpc.error_details_pb2 import RetryInfo

from bench.payload import fresh, trace_requests
from bench.sender import EXPORT

TIMEOUT_S: Final = 10.0
BODIES: Final = 2
RENEWED_S: Final = 5.0
BACKOFF_S: Final = 1.0
RETRYABLE: Final = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE"}
CONNECTIONS: Final = 8
_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_reconnect_backoff_ms", 500),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to send. `rate_per_s`: new batches, 0 for as many as consumers can get rid of."""

    address: str
    token: str
    consumers: int
    rate_per_s: float
    seconds: float
    spans_per_request: int
    seed: int


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of it: attempts by their end, and acknowledged batches by second."""

    acknowledged: int = 0
    dropped: int = 0
    unfinished: int = 0
    attempts: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    advised_s: list[float] = field(default_factory=list)
    ack_ms: list[float] = field(default_factory=list)
    by_second: Counter[int] = field(default_factory=Counter)


class Sender:
    """All consumers of one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._rng = random.Random(order.seed)
        self._tickets = order.seed * 10**9
        self.tally = Tally()
        self._bodies: tuple[bytes, ...] = ()
        self._renewed_s = 0.0
        self._began_s = time.monotonic()
        self._made = 0

    async def run(self) -> None:
        """Send until the time is over; what is in hand then gets one more timeout to end."""
        channels = [
            grpc.aio.insecure_channel(self._order.address, options=(*_OPTIONS, ("bench.n", n)))
            for n in range(CONNECTIONS)
        ]
        calls = [channel.unary_unary(EXPORT) for channel in channels]
        self._renew()
        self._began_s = time.monotonic()
        consumers = [
            asyncio.create_task(self._consume(calls[n % CONNECTIONS]))
            for n in range(self._order.consumers)
        ]
        await asyncio.gather(*consumers)
        for channel in channels:
            await channel.close()

    def _left_s(self) -> float:
        return self._began_s + self._order.seconds - time.monotonic()

    async def _consume(self, call: Any) -> None:
        await asyncio.sleep(self._rng.random() * min(1.0, self._order.consumers / 100))
        while self._left_s() > 0:
            if self._order.rate_per_s and not await self._turn():
                return
            self._tickets += 1
            await self._deliver(call, self._tickets)

    async def _turn(self) -> bool:
        """Wait until a new batch is due; False: none will be."""
        due_s = self._began_s + self._made / self._order.rate_per_s
        self._made += 1
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        return self._left_s() > 0

    async def _deliver(self, call: Any, ticket: int) -> None:
        began_s = time.monotonic()
        grace_s = 2 * TIMEOUT_S
        self._renew()
        body = fresh(self._bodies[ticket % BODIES], ticket)
        while self._left_s() > -grace_s:
            delay_s = await self._attempt(call, body)
            if delay_s is None:
                self.tally.ack_ms.append(1e3 * (time.monotonic() - began_s))
                return
            if delay_s < 0:
                self.tally.dropped += 1
                return
            await asyncio.sleep(delay_s)
        self.tally.unfinished += 1

    async def _attempt(self, call: Any, body: bytes) -> float | None:
        """Return None once acknowledged, else when to try again; below 0: never."""
        metadata = (("authorization", f"Bearer {self._order.token}"),)
        self.tally.attempts += 1
        try:
            await call(body, timeout=TIMEOUT_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            name = error.code().name
            told = dict(error.trailing_metadata() or ()).get("google.rpc.retryinfo-bin")
            self.tally.ends[name if told is None else f"{name} with RetryInfo"] += 1
            if told is None and name not in RETRYABLE:
                return -1.0
            if told is None:
                return BACKOFF_S * self._rng.uniform(0.5, 1.5)
            advised_s: float = RetryInfo.FromString(told).retry_delay.ToMilliseconds() / 1e3
            self.tally.advised_s.append(advised_s)
            return advised_s
        self.tally.ends["OK"] += 1
        self.tally.acknowledged += 1
        self.tally.by_second[int(time.monotonic() - self._began_s)] += 1
        return None

    def _renew(self) -> None:
        """Build spans of now, from time to time."""
        if time.monotonic() - self._renewed_s < RENEWED_S:
            return
        self._renewed_s = time.monotonic()
        self._bodies = trace_requests(
            BODIES, spans_per_request=self._order.spans_per_request, start_unix_ns=time.time_ns()
        )


def main() -> None:
    """Carry out the order of the command line."""
    sender = Sender(Order(**json.loads(sys.argv[1])))
    asyncio.run(sender.run())
    print(json.dumps({one.name: getattr(sender.tally, one.name) for one in fields(Tally)}))


if __name__ == "__main__":
    main()
