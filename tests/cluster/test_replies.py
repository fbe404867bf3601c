"""Writes whose request or answer is lost on the way to a genuine API server."""

from collections.abc import Callable
from typing import Any

import pytest

from healing.cluster.kube.adapter import KubernetesCluster
from healing.cluster.kube.api import Api
from knowledge.cluster import Change, Cluster, Workload, WriteOutcome
from tests.cluster.place import Place
from tests.healing.cluster_contract import CHANGES, TARGET, intent_of, target_of


class _Losing:
    """Stands before the connection and loses the first real patch, before or after it is sent."""

    def __init__(self, api: Api, *, sends: bool) -> None:
        self._api = api
        self._sends = sends
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def patch(self, path: str, operations: list[Any], *, is_dry_run: bool) -> Any:
        if is_dry_run or self.lost:
            return await self._api.patch(path, operations, is_dry_run=is_dry_run)
        self.lost += 1
        if self._sends:
            await self._api.patch(path, operations, is_dry_run=False)
        raise TimeoutError("the answer was lost")


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_a_lost_answer_is_found_and_a_lost_request_is_made_again_once(
    settled: Callable[[str], Place], change: Callable[[Workload], Change], *, sends: bool
) -> None:
    place = settled(TARGET)
    generation = place.get(TARGET)["metadata"]["generation"]

    async def act(cluster: Cluster) -> tuple[WriteOutcome, WriteOutcome]:
        assert isinstance(cluster, KubernetesCluster)
        before = target_of(await cluster.report(), place)
        assert cluster._mutator is not None
        assert cluster._api is not None
        cluster._mutator._api = _Losing(cluster._api, sends=sends)  # type: ignore[assignment]
        intent = intent_of(before, change(before))
        return await cluster.write(intent), await cluster.write(intent)

    first, again = place.do(act)
    assert first.status == ("applied" if sends else "unknown")
    assert "the answer was lost" in first.reason
    assert again.status == "applied"
    assert place.get(TARGET)["metadata"]["generation"] == generation + 1
