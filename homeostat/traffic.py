"""The balancer's loop: calls in as they arrive, weights out to Envoy and HAProxy once a second."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from starlette.applications import Starlette

from analysis.endpoints import calls_of, endpoints_of
from healing.control.balancer import pool as balancer
from healing.control.balancer.pool import PoolInput, PoolState, PoolWeights
from healing.control.health_threshold import Check, HealthThreshold, HealthThresholds
from healing.settings import HealingSettings
from healing.traffic import haproxy
from healing.traffic.endpoint_server import endpoint_app
from healing.traffic.last_good import write_last_good
from healing.traffic.settings import PoolSettings
from knowledge.plans import Mode
from knowledge.traffic import Calls, PoolRecord, Weight

log = logging.getLogger(__name__)
CALLS_MAX = 100_000
"""Rows that wait for the next update; an honest second has one per backend."""


class Traffic:
    """All pools. `take` and `update` are called from one loop and never overlap."""

    def __init__(
        self,
        settings: HealingSettings,
        clock: Callable[[], int],
        forbids: Callable[[str], str | None],
        *,
        only_verified: bool = False,
    ) -> None:
        """`forbids` says why nothing of a namespace may be changed now.

        `only_verified`: of the calls only those count whose sender may speak for the caller.
        """
        self._healing = settings
        self._settings = settings.traffic
        self._clock = clock
        self._forbids = forbids
        self._only_verified = only_verified
        self._addresses = frozenset(a for p in self._settings.pools.values() for a in p.backends)
        self._waiting: list[Calls] = []
        self._states = {name: PoolState() for name in self._settings.pools}
        self._weights: dict[str, PoolWeights] = {}
        self._updated_unix_ns = 0
        thresholds = HealthThresholds(
            unhealthy_count=self._settings.unhealthy_count,
            healthy_count=self._settings.healthy_count,
            stale_s=6 * self._settings.probe_s,
        )
        self._health = {
            address: HealthThreshold(thresholds=thresholds)
            for pool in self._settings.pools.values()
            if pool.is_probed
            for address in pool.backends
        }
        self._carried: dict[str, dict[str, str]] = {name: {} for name in self._settings.pools}
        self._answers: dict[int, int] = {}
        self._rng = random.Random()  # noqa: S311 - it spreads returns in time, it keeps no secret
        self.dropped_count = 0

    def take(self, spans: pa.Table) -> None:
        """Note the calls to our backends among spans that just arrived."""
        if not self._addresses:
            return
        if self._only_verified:
            spans = spans.filter(spans["is_verified"])
        calls = tuple(calls_of(endpoints_of(spans, self._addresses)))
        room = CALLS_MAX - len(self._waiting)
        self._waiting += calls[:room]
        self.dropped_count += max(len(calls) - room, 0)

    def mode(self, pool: PoolSettings) -> Mode:
        """What may be done now: the lower of the pool's mode and its namespace's."""
        return self._healing.mode_of_pool(pool.namespace, pool.mode)

    async def update(self) -> None:
        """Look at all pools once, and carry out what has changed."""
        now = self._clock()
        by_address: dict[str, list[Calls]] = {}
        for call in sorted(self._waiting, key=lambda call: call.end_unix_s):
            by_address.setdefault(call.address, []).append(call)
        self._waiting = []
        for name, pool in self._settings.pools.items():
            told = PoolInput(
                capacities=pool.backends,
                policy=pool.policy,
                calls=tuple(c for a in pool.backends for c in by_address.get(a, ())),
                unhealthy=self._unhealthy(pool, now),
                is_allowed=self._may_write(pool),
            )
            self._states[name], self._weights[name] = balancer.step(
                self._states[name],
                told,
                self._settings.balancer,
                now_unix_ns=now,
                rng=self._rng.random,
            )
        self._updated_unix_ns = now
        for name, pool in self._settings.pools.items():
            await self._carry(name, pool)

    def weights(self) -> dict[str, tuple[Weight, ...]]:
        """What Envoy gets if it asks now; the configured weights where nobody looks after ours."""
        age_s = (self._clock() - self._updated_unix_ns) / 1e9
        is_kept = age_s <= self._settings.balancer.hold_s
        return {
            name: self._weights[name].in_force
            if is_kept and name in self._weights
            else _configured(pool)
            for name, pool in self._settings.pools.items()
        }

    def app(self) -> Starlette:
        """The door for Envoy."""
        return endpoint_app(self.weights, self.count)

    def count(self, status: int) -> None:
        """Note one answer to Envoy."""
        self._answers[status] = self._answers.get(status, 0) + 1

    def records(self) -> tuple[PoolRecord, ...]:
        """All pools, for /status."""
        answers = ", ".join(f"{n} x {status}" for status, n in sorted(self._answers.items()))
        envoy = {"envoy": f"answered {answers}"} if answers else {}
        return tuple(
            PoolRecord(
                name=name,
                namespace=pool.namespace,
                policy=pool.policy,
                mode=self.mode(pool),
                telemetry_age_s=known.telemetry_age_s if known else None,
                weights=known.in_force if known else _configured(pool),
                proposed=known.proposed if known else (),
                carried={**envoy, **self._carried[name]},
            )
            for name, pool in self._settings.pools.items()
            for known in (self._weights.get(name),)
        )

    async def run(self) -> None:
        """Update each period until cancelled; a mistake of ours stops no other pool's traffic."""
        async with asyncio.TaskGroup() as tasks:
            if self._health:
                tasks.create_task(self._probe_forever())
            while True:  # the first at once: an Envoy starts only where its file exists
                try:
                    await self.update()
                except Exception:  # stale weights give way to the configured ones by themselves
                    log.exception("the balancer's update failed")
                await asyncio.sleep(self._settings.period_s)

    def _may_write(self, pool: PoolSettings) -> bool:
        return self.mode(pool) == "auto" and self._forbids(pool.namespace) is None

    async def _carry(self, name: str, pool: PoolSettings) -> None:
        weights, carried = self._weights[name].in_force, self._carried[name]
        if self._settings.last_good:
            try:
                write_last_good(Path(self._settings.last_good), name, weights)
                carried["last_good"] = "written"
            except OSError as error:
                carried["last_good"] = f"cannot be written: {error.strerror}: {error.filename}"
        socket = self._settings.haproxy_socket
        if socket and pool.haproxy_backend and self._may_write(pool):
            try:
                carried["haproxy"] = await haproxy.carry(
                    socket, pool.haproxy_backend, weights, lambda: self._may_write(pool)
                )
            except haproxy.HaproxyError as error:
                carried["haproxy"] = f"failed: {error}"

    def _unhealthy(self, pool: PoolSettings, now_unix_ns: int) -> frozenset[str]:
        now_s = now_unix_ns / 1e9
        return frozenset(
            address
            for address in pool.backends
            if address in self._health and self._health[address].health(now_s=now_s) == "unhealthy"
        )

    async def _probe_forever(self) -> None:
        while True:
            await self.probe()
            await asyncio.sleep(self._settings.probe_s)

    async def probe(self) -> None:
        """Open a connection to each backend that is probed, once."""

        async def one(address: str) -> None:
            is_open = await _listens(address, self._settings.probe_timeout_s)
            check: Check = "passed" if is_open else "failed"
            now_s = self._clock() / 1e9
            self._health[address] = self._health[address].after(check, now_s=now_s)

        await asyncio.gather(*(one(address) for address in self._health))


def _configured(pool: PoolSettings) -> tuple[Weight, ...]:
    mean = sum(pool.backends.values()) / len(pool.backends)
    return tuple(
        Weight(address=address, place="in", weight=capacity / mean, because="configured")
        for address, capacity in pool.backends.items()
    )


async def _listens(address: str, timeout_s: float) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError):
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
            return True
    return False
