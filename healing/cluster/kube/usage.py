"""What pods use, asked of the metrics API now and then; a cluster may do without one."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from healing.cluster.kube.api import UNREACHABLE, Api
from healing.cluster.kube.objects import PodMetrics

PATH: Final = "/apis/metrics.k8s.io/v1beta1/pods"
STALE_PERIODS: Final = 4
"""A figure that was not renewed for so many periods is not known any more."""


class _Page(msgspec.Struct):
    items: list[PodMetrics] | None = None


class Usage:
    """The latest figures by (namespace, pod)."""

    def __init__(self, api: Api, *, period_s: float) -> None:
        self._api = api
        self._period_s = period_s
        self._read_s: float | None = None
        self.has_asked = False
        self._latest: dict[tuple[str, str], PodMetrics] = {}

    def latest(self) -> Mapping[tuple[str, str], PodMetrics]:
        """Return the figures, none where they are old."""
        if self._read_s is None:
            return {}
        is_stale = _now_s() - self._read_s > STALE_PERIODS * self._period_s
        return {} if is_stale else self._latest

    async def run(self) -> None:
        """Ask again and again until cancelled."""
        while True:
            await self._ask()
            self.has_asked = True  # whatever the answer was: there may be no such API
            await asyncio.sleep(self._period_s)

    async def _ask(self) -> None:
        try:
            answer = await self._api.get(PATH)
            if answer.ok:
                page = msgspec.json.decode(answer.body, type=_Page)
                self._latest = {
                    (item.metadata.namespace, item.metadata.name): item for item in page.items or ()
                }
                self._read_s = _now_s()
        except (*UNREACHABLE, msgspec.DecodeError):
            return  # the figures that there are grow old, and are dropped for it


def _now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
