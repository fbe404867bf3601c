"""A replica as a process of its own: takes the lease, keeps one intent, and writes it.

    python tests/cluster/writer.py KUBECONFIG NAMESPACE HOME POINT

At POINT it stops itself, as a machine may at any moment: `before` the patch is sent, right after
the lease was asked for the last time; or `after` the server has done it, before the answer is read.
With any other word for POINT it does not. Once it leads its wall clock jumps an hour ahead, which
must not matter. Each thing that happens is a line on stdout. The test lets it go on, or kills it.
"""

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from healing.cluster.gate import write_guarded
from healing.cluster.kube.adapter import KubernetesCluster
from healing.cluster.kube.api import Api
from healing.cluster.kube.replicas import replicated
from healing.cluster.kube.settings import KubernetesSettings
from knowledge.plans import ApprovedPlan
from tests.healing.cluster_contract import TARGET, intent_of, scale
from tests.healing.conftest import World
from tests.healing.ledger_contract import INPUTS, NOTHING

JUMP_NS = 3600 * 10**9


class Stopping:
    """Stands before the connection and stops the process around the first real patch."""

    def __init__(self, api: Api, point: str) -> None:
        self._api = api
        self._point = point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def patch(self, path: str, operations: list[Any], *, is_dry_run: bool) -> Any:
        if is_dry_run:
            return await self._api.patch(path, operations, is_dry_run=True)
        if self._point == "before":
            stop()
        answer = await self._api.patch(path, operations, is_dry_run=False)
        if self._point == "after":
            stop()
        return answer


def stop() -> None:
    say("stopping")
    os.kill(os.getpid(), signal.SIGSTOP)
    say("going on")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the test reads it


async def main(kubeconfig: str, namespace: str, home: str, point: str) -> None:
    settings = KubernetesSettings(kubeconfig=Path(kubeconfig), own_namespace=home)
    off_ns = 0

    def now_unix_ns() -> int:
        return time.time_ns() + off_ns

    parts = replicated(settings, namespace=home, now_unix_ns=now_unix_ns)
    leadership, ledger, cluster = (
        parts.succession.leadership,
        parts.succession.ledger,
        parts.cluster,
    )
    lease = asyncio.create_task(leadership.run())
    report = await cluster.report()
    while leadership.epoch() is None:
        await asyncio.sleep(0.05)
    epoch = leadership.epoch()
    assert epoch is not None
    await parts.succession.take_over(epoch, now_unix_ns=time.time_ns())
    say(f"leader {epoch}")
    off_ns = JUMP_NS
    key = (namespace, TARGET)
    workload = next(w for w in report.workloads if (w.key.namespace, w.key.name) == key)
    change = scale(workload)
    intent = replace(
        intent_of(workload, change), epoch=epoch, created_unix_ns=now_unix_ns(), plan_id="plan-1"
    )
    approved = ApprovedPlan(plan=World().asked(change=change).plan, guards=())
    await ledger.keep(INPUTS, replace(NOTHING, approved=(approved,), intents=(intent,)))
    interpose(cluster, point)
    outcome = await write_guarded(cluster, intent, lambda *_: None, now_unix_ns=now_unix_ns)
    say(f"outcome {outcome.status}: {outcome.reason}")
    lease.cancel()
    await cluster.close()
    await parts.api.close()


def interpose(cluster: KubernetesCluster, point: str) -> None:
    assert cluster._mutator is not None  # the report has begun it
    assert cluster._api is not None
    cluster._mutator._api = Stopping(cluster._api, point)  # type: ignore[assignment]


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
