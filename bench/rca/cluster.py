"""A read-only cluster port with the deployments of a recording: reports facts, refuses writes.

What a real API server and metrics server would have said: which pods belong to which deployment,
and their usage as last scraped. That all are opted in and well is assumed; the recordings do not
tell. Deployments are old and have one release.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.rca.schedule import PodSeen, Schedule
from knowledge.cluster import ClusterReport, Pod, Revision, Workload, WriteIntent, WriteOutcome
from knowledge.codec import from_json, to_json
from knowledge.framing import Message
from knowledge.identity import WorkloadKey
from twin.server import RequestError, SocketServer

AGE_NS: Final = 7 * 86_400 * 10**9
REPLICAS_MAX: Final = 10


class RecordedCluster:
    """Serves the cluster port on a socket until closed; `now_unix_ns` is moved by the driver."""

    def __init__(self, path: Path, schedule: Schedule, *, start_unix_ns: int) -> None:
        self._born = start_unix_ns - AGE_NS
        self._usages = schedule.usages
        self._next = 0
        self._ratios: dict[tuple[PodSeen, str], float] = {}
        self._now = start_unix_ns
        self._lock = threading.Lock()
        self._pods = sorted(schedule.pods, key=lambda p: (p.namespace, p.service, p.pod, p.pod_uid))
        self.refused_writes = 0
        self._server = SocketServer(path, self._answer)

    def advance(self, now_unix_ns: int) -> None:
        """Let time pass: usage that was scraped until then is known."""
        with self._lock:
            self._now = now_unix_ns
            while self._next < len(self._usages):
                usage = self._usages[self._next]
                if usage.at_unix_ns > now_unix_ns:
                    break
                self._ratios[(usage.pod, usage.what)] = usage.ratio
                self._next += 1

    def close(self) -> None:
        """End the server."""
        self._server.close()

    def _answer(self, message: Message) -> tuple[Mapping[str, Any], bytes]:
        method = message.header.get("method")
        if method == "report":
            with self._lock:
                return {"ok": True}, to_json(self._report())
        if method == "write":
            self.refused_writes += 1
            intent = from_json(WriteIntent, bytes(message.body))
            outcome = WriteOutcome(
                intent_id=intent.id,
                status="refused",
                reason="a recording cannot be changed",
                finished_unix_ns=self._now,
            )
            return {"ok": True}, to_json(outcome)
        raise RequestError(f"method must be report or write, got {method!r}")

    def _report(self) -> ClusterReport:
        pods = tuple(map(self._pod, self._pods))
        by_workload: dict[WorkloadKey, int] = {}
        for pod in pods:
            by_workload[pod.workload] = by_workload.get(pod.workload, 0) + 1
        return ClusterReport(
            observed_unix_ns=self._now,
            workloads=tuple(self._workload(key, count) for key, count in by_workload.items()),
            pods=pods,
        )

    def _workload(self, key: WorkloadKey, replicas: int) -> Workload:
        return Workload(
            key=key,
            resource_version="1",
            replicas=replicas,
            ready_replicas=replicas,
            strategy="RollingUpdate",
            revisions=(Revision(number=1, version="recorded", created_unix_ns=self._born),),
            revision=1,
            is_rolling=False,
            is_opted_in=True,
            steered_by=None,
            replicas_max=REPLICAS_MAX,
        )

    def _pod(self, seen: PodSeen) -> Pod:
        return Pod(
            name=seen.pod,
            uid=seen.pod_uid or f"uid-{seen.pod}",
            workload=_key(seen),
            revision=1,
            ready=True,
            restart_count=0,
            oom_killed=False,
            started_unix_ns=self._born,
            cpu_ratio=self._ratios.get((seen, "cpu")),
            memory_ratio=self._ratios.get((seen, "memory")),
            probe="ok",
        )


def _key(seen: PodSeen) -> WorkloadKey:
    return WorkloadKey(
        namespace=seen.namespace,
        kind="Deployment",
        name=seen.service,
        uid=f"uid-{seen.namespace}-{seen.service}",
    )
