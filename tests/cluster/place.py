"""A namespace of one test, on the control plane that all tests share."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from healing.cluster.kube.adapter import KubernetesCluster
from healing.cluster.kube.settings import KubernetesSettings
from knowledge.cluster import Cluster, ClusterReport, Workload
from tests.cluster import objects
from tests.parts.control_plane import ControlPlane

T = TypeVar("T")
DEADLINE_S: Final = 60.0


@dataclass(frozen=True)
class Place:
    """Objects of one namespace, by a person's hand and through the adapter."""

    plane: ControlPlane
    namespace: str
    kubeconfig: Any = None

    def do(self, act: Callable[[Cluster], Awaitable[T]]) -> T:
        """Let `act` use a new adapter."""

        async def run() -> T:
            settings = KubernetesSettings(kubeconfig=self.kubeconfig or self.plane.kubeconfig)
            cluster = KubernetesCluster(settings, now_unix_ns=time.time_ns)
            try:
                return await act(cluster)
            finally:
                await cluster.close()

        return asyncio.run(run())

    def path(self, kind: str = "deployments", name: str = "", group: str = "apps/v1") -> str:
        """Where objects of this namespace are."""
        root = "/api/v1" if group == "v1" else f"/apis/{group}"
        path = f"{root}/namespaces/{self.namespace}/{kind}"
        return f"{path}/{name}" if name else path

    def deploy(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a Deployment."""
        made: dict[str, Any] = self.plane.admin.create(self.path(), body)
        return made

    def get(self, name: str) -> dict[str, Any]:
        """Read a Deployment."""
        found: dict[str, Any] = self.plane.admin.get(self.path(name=name))
        return found

    def change(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change a Deployment as a person would."""
        changed: dict[str, Any] = self.plane.admin.merge(self.path(name=name), body)
        return changed

    def release(self, name: str, version: str, fault: str = "") -> None:
        """Roll a new version out."""
        self.change(name, {"spec": {"template": objects.template(name, version, fault)}})

    def settle(self, name: str) -> dict[str, Any]:
        """Wait until a Deployment's controller has nothing left to do, and return it."""
        self.until(lambda: is_settled(self.get(name)), lambda: str(self.get(name)["status"]))
        return self.get(name)

    def until(self, is_true: Callable[[], bool], say: Callable[[], str] = lambda: "") -> None:
        """Poll until something holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_true():
            self.plane.check()
            assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s: {say()}"
            time.sleep(0.1)

    def workload(self, report: ClusterReport, name: str) -> Workload:
        """A workload of this namespace."""
        return next(
            w for w in report.workloads if (w.key.namespace, w.key.name) == (self.namespace, name)
        )


def is_settled(deployment: dict[str, Any]) -> bool:
    """Whether a rollout is over by kubectl's rules, and its pods are ready."""
    wanted, status = deployment["spec"]["replicas"], deployment["status"]
    return bool(
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("readyReplicas", 0) == wanted
        and any(
            c["type"] == "Progressing" and c["reason"] == "NewReplicaSetAvailable"
            for c in status.get("conditions", ())
        )
    )
