"""Deployments, StatefulSets and DaemonSets, boiled down to what is asked of them."""

import hashlib
from typing import Any

import msgspec

from healing.cluster.kube.names import ACTION, REVISION
from healing.cluster.kube.objects import Meta, WorkloadObject, WorkloadStatus
from healing.cluster.kube.releases import release_number

_MOVING = frozenset({"NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated"})


class Deployed(msgspec.Struct, frozen=True):
    """A workload: its metadata and status, and of its spec what matters."""

    metadata: Meta
    status: WorkloadStatus
    replicas: int
    paused: bool
    strategy: str
    release: int
    priority_class: str
    service_account: str

    def token(self) -> str:
        """Return what changes with everything that anybody may want, and with no status.

        Status alone moves the resource version of a sick workload every few seconds; a write that
        had to match that would rarely pass just where it is needed.
        """
        meta = self.metadata
        marks = {k: v for k, v in meta.annotations.items() if k != REVISION}
        told = msgspec.json.encode([meta.labels, marks], order="deterministic")
        return f"{meta.generation}-{hashlib.sha256(told).hexdigest()[:12]}"

    def last_action_id(self) -> str:
        """Return the id of the last action of ours on it."""
        return str(action_of(self.metadata).get("id", ""))

    def is_rolling(self) -> bool:
        """Whether pods of another template are being replaced.

        A complete rollout stays complete when pods fall ill later, as in the controller's own
        reckoning (pkg/controller/deployment/progress.go): a sick release is not a rollout.
        """
        status = self.status
        if status.observed_generation < self.metadata.generation:
            return True
        if status.replicas != status.updated_replicas:
            return True
        return any(c.type == "Progressing" and c.reason in _MOVING for c in status.conditions)

    def ready_replicas(self) -> int:
        """Return how many pods are ready (a DaemonSet counts them under another name)."""
        return self.status.ready_replicas or self.status.number_ready


def action_of(meta: Meta) -> dict[str, Any]:
    """Return what our last write left on an object; nothing if it left nothing readable."""
    try:
        found = msgspec.json.decode(meta.annotations.get(ACTION, "{}"))
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def boil_down(raw: msgspec.Raw | bytes) -> Deployed:
    """Decode a workload."""
    found = msgspec.json.decode(raw, type=WorkloadObject)
    spec = found.spec
    pods = spec.template.get("spec") or {}
    strategy = spec.strategy or spec.update_strategy
    return Deployed(
        metadata=found.metadata,
        status=found.status,
        replicas=spec.replicas,
        paused=spec.paused,
        strategy=strategy.type if strategy else "RollingUpdate",
        release=release_number(spec.template),
        priority_class=str(pods.get("priorityClassName", "")),
        service_account=str(pods.get("serviceAccountName", "")),
    )
