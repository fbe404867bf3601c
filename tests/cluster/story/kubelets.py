"""Between a cluster and the twin that follows it: which pods there are, and how they fare.

Reads the cluster by watch, tells the twin, and writes what the twin answers where kubelets write:
into the pods' status, and into the metrics API. Of faults it knows nothing.
"""

import asyncio
import contextlib
import threading
import time
from random import Random
from typing import Any, Final

import msgspec

from healing.cluster.kube import releases, workloads
from healing.cluster.kube.api import Api
from healing.cluster.kube.names import REVISION, TEMPLATE_HASH
from healing.cluster.kube.objects import PodObject
from healing.cluster.kube.reflector import Reflector, decoder
from healing.cluster.kube.releases import RolledOut
from healing.cluster.kube.workloads import Deployed
from homeostat.demo.processes import SocketClient
from knowledge.codec import from_json, to_json
from tests.cluster.place import Place
from tests.parts.metrics_api import MetricsApi, Used
from twin.mirror import FollowedPod, FollowedWorkload, Picture, PodHealth

STEP_S: Final = 0.5
CPU_LIMIT_CORES: Final = 1.0
MEMORY_LIMIT_BYTES: Final = 256 * 2**20
MERGE: Final = "application/strategic-merge-patch+json"


class Kubelets:
    """Runs in a thread of its own between `start` and `stop`."""

    def __init__(self, place: Place, twin: SocketClient, metrics: MetricsApi) -> None:
        self._place = place
        self._twin = twin
        self._metrics = metrics
        self._told: dict[str, tuple[bool, bool, int]] = {}
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="kubelets")

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended it, if anything did."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self._thread.join()
        self._twin.close()

    def _live(self) -> None:
        try:
            asyncio.run(self._follow())
        except BaseException as error:  # noqa: BLE001 - shown by the next check
            self._error = error

    async def _follow(self) -> None:
        api = await Api.connect(kubeconfig=self._place.plane.kubeconfig, context=None)
        rng = Random(1)
        pods = Reflector(api, self._place.path("pods", group="v1"), decoder(PodObject), rng=rng)
        sets = Reflector(api, self._place.path("replicasets"), releases.boil_down, rng=rng)
        deployed = Reflector(api, self._place.path(), workloads.boil_down, rng=rng)
        copies: tuple[Reflector[Any], ...] = (pods, sets, deployed)
        tasks = [asyncio.create_task(copy.run()) for copy in copies]
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                if all(copy.age_s() is not None for copy in copies):
                    picture = picture_of(deployed.objects, sets.objects, pods.objects)
                    await asyncio.to_thread(self._step, picture, pods.objects)
                await asyncio.sleep(max(0.0, STEP_S - (time.monotonic() - began)))
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await api.close()

    def _step(self, picture: Picture, pods: dict[str, PodObject]) -> None:
        """Tell the twin, let it live until now, and write down how its pods fare."""
        _, body = self._twin.exchange({"method": "follow"}, to_json(picture))
        health = from_json(tuple[PodHealth, ...], body)
        self._twin.ask(method="advance", to_unix_ns=time.time_ns())
        for pod in health:
            told = pod.is_ready, pod.is_running, pod.restart_count
            if self._told.get(pod.uid, (True, True, 0)) != told and pod.uid in pods:
                path = self._place.path("pods", f"{pod.name}/status", group="v1")
                admin = self._place.plane.admin
                admin.ask("PATCH", path, status_of(pod, pods[pod.uid]), MERGE)
            self._told[pod.uid] = told
        self._metrics.used = tuple(
            Used(
                namespace=self._place.namespace,
                pod=pod.name,
                container="app",
                cpu_cores=pod.cpu_ratio * CPU_LIMIT_CORES,
                memory_bytes=pod.memory_ratio * MEMORY_LIMIT_BYTES,
            )
            for pod in health
            if pod.is_running
        )


def picture_of(
    deployed: dict[str, Deployed], sets: dict[str, RolledOut], pods: dict[str, PodObject]
) -> Picture:
    """Return the pods of each Deployment, and its latest template."""
    owned: dict[str, list[RolledOut]] = {}
    for rolled in sets.values():
        owner = rolled.metadata.controller()
        if owner is not None:
            owned.setdefault(owner.uid, []).append(rolled)
    found = []
    for uid, workload in deployed.items():
        latest = max(owned.get(uid, ()), key=_revision, default=None)
        if latest is None:
            continue
        mine = {rolled.metadata.uid: rolled for rolled in owned[uid]}
        found.append(
            FollowedWorkload(
                name=workload.metadata.name,
                replicas=workload.replicas,
                template=latest.metadata.labels[TEMPLATE_HASH],
                version=latest.version,
                pods=tuple(pod for p in pods.values() if (pod := _pod(p, mine)) is not None),
            )
        )
    return Picture(workloads=tuple(sorted(found, key=lambda w: w.name)))


def _revision(rolled: RolledOut) -> int:
    return int(rolled.metadata.annotations.get(REVISION, "0"))


def _pod(pod: PodObject, sets: dict[str, RolledOut]) -> FollowedPod | None:
    owner = pod.metadata.controller()
    rolled = sets.get(owner.uid) if owner is not None else None
    if rolled is None or pod.metadata.deletion_timestamp is not None:
        return None
    return FollowedPod(
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        template=rolled.metadata.labels[TEMPLATE_HASH],
        version=rolled.version,
        is_ready=any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions),
    )


def status_of(pod: PodHealth, live: PodObject) -> dict[str, Any]:
    """Return a pod's status as a kubelet would write it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ready = "True" if pod.is_ready else "False"
    before = live.status.container_statuses[0] if live.status.container_statuses else None
    running = before.state.running if before is not None else None
    is_same = before is not None and before.restart_count == pod.restart_count
    since = running.started_at if running is not None and is_same else None
    state: dict[str, Any] = {"waiting": {"reason": "CrashLoopBackOff"}}
    if pod.is_running:
        state = {"running": {"startedAt": msgspec.to_builtins(since) if since else now}}
    ended = {"exitCode": 137 if pod.oom_killed else 1, "finishedAt": now, "startedAt": now}
    ended["reason"] = "OOMKilled" if pod.oom_killed else "Error"
    container = {
        "name": "app",
        "image": live.spec.containers[0].image,
        "imageID": "",
        "ready": pod.is_ready,
        "restartCount": pod.restart_count,
        "state": state,
        "lastState": {"terminated": ended} if pod.restart_count else {},
    }
    conditions = [
        {"type": kind, "status": ready, "lastTransitionTime": now}
        for kind in ("Ready", "ContainersReady")
    ]
    return {"status": {"conditions": conditions, "containerStatuses": [container]}}
