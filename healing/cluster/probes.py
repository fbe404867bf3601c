"""Our own probes of pods: a word on their health that no sender of telemetry can forge.

A probe that fails is evidence only if it says something about the pod rather than about us. So
failures count where a pod of the same workload has passed before, by the same way, and not in a
round in which nothing of several workloads passed: who reaches nobody any more is himself cut off.
"""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import aiohttp

from healing.cluster.grpc_probe import serves
from healing.cluster.kube.probe_targets import ProbeTarget
from healing.control.health_threshold import Check, Health, HealthThreshold, HealthThresholds
from knowledge.cluster import Probe
from knowledge.identity import WorkloadKey

CONCURRENCY: Final = 32
LATE_S: Final = 0.5
"""An answer that we were this late to notice was missed by us."""
OURS: Final = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOBUFS,
        errno.ENETUNREACH,
        errno.EADDRNOTAVAIL,
    }
)
"""Errors that say something about this machine."""
OK: Final = range(200, 400)
"""As a kubelet reckons."""
_SAYS: Final[Mapping[Health, Probe]] = {
    "healthy": "ok",
    "unhealthy": "failed",
    "unknown": "unknown",
}
Targets = Callable[[], Awaitable[Iterable[ProbeTarget]]]


class Prober:
    """Asks all targets, again and again; `latest` is what is known."""

    def __init__(
        self, targets: Targets, *, period_s: float, thresholds: HealthThresholds | None = None
    ) -> None:
        self._targets = targets
        self._period_s = period_s
        self._thresholds = thresholds or HealthThresholds(stale_s=4 * period_s)
        self._known: dict[str, HealthThreshold] = {}
        self._passed: set[tuple[WorkloadKey, str]] = set()

    def latest(self) -> Mapping[str, Probe]:
        """Return what is known, by the pod's uid."""
        now_s = _now_s()
        return {uid: _SAYS[known.health(now_s=now_s)] for uid, known in self._known.items()}

    async def run(self) -> None:
        """Probe in rounds until cancelled."""
        while True:
            began_s = _now_s()
            await self.round(tuple(await self._targets()))
            await asyncio.sleep(max(0.0, began_s + self._period_s - _now_s()))

    async def round(self, targets: tuple[ProbeTarget, ...]) -> None:
        """Ask each target once."""
        gate = asyncio.Semaphore(CONCURRENCY)
        limits = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(limit=CONCURRENCY, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            checks = await asyncio.gather(*(_checked(t, gate, session) for t in targets))
        self._take(targets, checks)

    def _take(self, targets: tuple[ProbeTarget, ...], checks: list[Check]) -> None:
        now_s = _now_s()
        pairs = list(zip(targets, checks, strict=True))
        for target, check in pairs:
            if check == "passed":
                self._passed.add((target.workload, target.kind))
        is_cut_off = len({t.workload for t in targets}) > 1 and "passed" not in checks
        known: dict[str, HealthThreshold] = {}
        for target, check in pairs:
            is_reachable = (target.workload, target.kind) in self._passed
            says: Check = check if is_reachable and not is_cut_off else "inconclusive"
            before = self._known.get(target.pod_uid) or HealthThreshold(thresholds=self._thresholds)
            known[target.pod_uid] = before.after(says, now_s=now_s)
        self._known = known
        there = {target.workload for target in targets}
        self._passed = {(workload, kind) for workload, kind in self._passed if workload in there}


async def _checked(
    target: ProbeTarget, gate: asyncio.Semaphore, session: aiohttp.ClientSession
) -> Check:
    async with gate:
        began_s = _now_s()
        try:
            async with asyncio.timeout(target.timeout_s):
                passed = await _ask(target, session)
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in OURS:
                return "inconclusive"
            passed = False
        except OSError as error:
            if error.errno in OURS:
                return "inconclusive"
            passed = False
        if not passed and _now_s() - began_s > target.timeout_s + LATE_S:
            return "inconclusive"  # our own loop stood still
        return "passed" if passed else "failed"


async def _ask(target: ProbeTarget, session: aiohttp.ClientSession) -> bool:
    host = f"[{target.ip}]" if ":" in target.ip else target.ip
    match target.kind:
        case "grpc":
            return await serves(f"{host}:{target.port}", target.service, target.timeout_s)
        case "tcp":
            _, writer = await asyncio.open_connection(target.ip, target.port)
            writer.close()
            return True
        case _:
            # a pod's certificate names no IP: as a kubelet, we do not check it
            url = f"{target.kind}://{host}:{target.port}{target.path}"
            async with session.get(url, allow_redirects=False, ssl=False) as answer:
                return answer.status in OK


def _now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
