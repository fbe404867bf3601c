"""One measurement in a process of its own; a line of JSON on stdout."""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

from kubernetes.aio import client, config

from healing.cluster.kube.adapter import KubernetesCluster
from healing.cluster.kube.api import Api
from healing.cluster.kube.objects import PodObject
from healing.cluster.kube.reflector import Reflector, decoder
from healing.cluster.kube.settings import KubernetesSettings
from knowledge.cluster import ClusterUnavailableError
from receiver.memory import settle

TICK_S = 0.001


def rss_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


class Stall:
    """How long the event loop let a task wait that wanted to run each millisecond.

    On a busy machine the wait is mostly that of the whole process for a core: `worst_cpu_s` is what
    the loop itself computed meanwhile, which would be its stall on an idle one.
    """

    def __init__(self) -> None:
        self.worst_s = 0.0
        self.worst_cpu_s = 0.0

    async def watch(self) -> None:
        """Run until cancelled."""
        while True:
            began_s, cpu_s = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK_S)
            self.worst_cpu_s = max(self.worst_cpu_s, time.thread_time() - cpu_s)
            self.worst_s = max(self.worst_s, time.perf_counter() - began_s - TICK_S)


async def during(work: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """Time, memory and stall of some work."""
    gc.collect()
    before_mb, cpu_s, stall = rss_mb(), time.process_time(), Stall()
    watching = asyncio.create_task(stall.watch())
    await asyncio.sleep(0.05)
    began_s = time.perf_counter()
    kept = await work()
    took_s = time.perf_counter() - began_s
    watching.cancel()
    gc.collect()
    return {
        "count": len(kept),
        "seconds": round(took_s, 3),
        "cpu_s": round(time.process_time() - cpu_s, 3),
        "memory_mb": round(rss_mb() - before_mb, 1),
        "stall_ms": round(stall.worst_s * 1e3, 1),
        "stall_cpu_ms": round(stall.worst_cpu_s * 1e3, 1),
    }


async def listed(copy: Reflector[Any]) -> None:
    """Wait for the first list."""
    while copy.age_s() is None:  # noqa: ASYNC110 - the copy tells its age and no more
        await asyncio.sleep(0.002)


async def ours(kubeconfig: Path) -> dict[str, Any]:
    """Our reflector's first list of all pods."""
    api = await Api.connect(kubeconfig=kubeconfig, context=None)
    await api.get("/version")  # the connection is there, as it is for the client

    async def work() -> Any:
        copy = Reflector(api, "/api/v1/pods", decoder(PodObject), rng=Random(1))
        run = asyncio.create_task(copy.run())
        await listed(copy)
        run.cancel()
        return copy.objects

    try:
        return await during(work)
    finally:
        await api.close()


async def client_s(kubeconfig: Path) -> dict[str, Any]:
    """The official client's typed list, in pages of the same size."""
    await config.load_kube_config(config_file=str(kubeconfig))  # type: ignore[no-untyped-call]
    async with client.ApiClient() as connection:
        core = client.CoreV1Api(connection)
        await client.VersionApi(connection).get_code()

        async def work() -> Any:
            pods: list[Any] = []
            following: str | None = None
            while True:
                page = await core.list_pod_for_all_namespaces(limit=500, _continue=following)
                pods += page.items
                following = getattr(page.metadata, "_continue", None)
                if not following:
                    return pods

        return await during(work)


async def steady(kubeconfig: Path, seconds: float) -> dict[str, Any]:
    """All copies of the adapter for a while: how many requests, and how long a stall."""
    counts: list[float] = []
    call = Api._call  # noqa: SLF001 - every request passes here

    async def counted(self: Api, *arguments: Any) -> Any:
        counts.append(time.monotonic())
        return await call(self, *arguments)

    Api._call = counted  # type: ignore[assignment, method-assign] # noqa: SLF001
    settings = KubernetesSettings(kubeconfig=kubeconfig)
    cluster = KubernetesCluster(settings, now_unix_ns=time.time_ns)
    settle()  # as the service does before it serves
    stall = Stall()
    watching = asyncio.create_task(stall.watch())
    pods = 0
    try:
        began_s = time.monotonic()
        while time.monotonic() - began_s < 10 + seconds:
            try:
                pods = len((await cluster.report()).pods)
            except ClusterUnavailableError:
                pods = -1
            await asyncio.sleep(5)
    finally:
        watching.cancel()
        await cluster.close()
    late = [at for at in counts if at > began_s + 10]  # once all was listed for the first time
    return {
        "requests": len(late),
        "requests_per_s": round(len(late) / seconds, 2),
        "requests_per_s_at_first": round((len(counts) - len(late)) / 10, 2),
        "stall_ms": round(stall.worst_s * 1e3, 1),
        "stall_cpu_ms": round(stall.worst_cpu_s * 1e3, 1),
        "pods": pods,
    }


async def storm(kubeconfig: Path, seconds: float) -> dict[str, Any]:
    """One watch while a thousand pods change."""
    api = await Api.connect(kubeconfig=kubeconfig, context=None)
    copy = Reflector(api, "/api/v1/pods", decoder(PodObject), rng=Random(1))
    run = asyncio.create_task(copy.run())
    await listed(copy)
    stall = Stall()
    watching = asyncio.create_task(stall.watch())
    cpu_s = time.process_time()
    await asyncio.sleep(seconds)
    watching.cancel()
    run.cancel()
    await api.close()
    seen = sum("seen" in pod.metadata.labels for pod in copy.objects.values())
    return {
        "changes_seen": seen,
        "stall_ms": round(stall.worst_s * 1e3, 1),
        "stall_cpu_ms": round(stall.worst_cpu_s * 1e3, 1),
        "cpu_s": round(time.process_time() - cpu_s, 2),
    }


def main(what: str, kubeconfig: str, seconds: str) -> None:
    """Measure one thing."""
    path = Path(kubeconfig)
    match what:
        case "ours":
            found = asyncio.run(ours(path))
        case "client":
            found = asyncio.run(client_s(path))
        case "storm":
            found = asyncio.run(storm(path, float(seconds)))
        case _:
            found = asyncio.run(steady(path, float(seconds)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
