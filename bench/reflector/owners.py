"""What owns the pods: Deployments, their ReplicaSets, and autoscalers for every other one."""

from typing import Any

from tests.parts.kube import Kube


def owned(admin: Kube, index: int) -> dict[str, Any]:
    """Create workload `index` and return the reference by which a pod is owned by it."""
    name, place = f"app-{index}", f"bench-{index % 10}"
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1.0.0"}]},
    }
    spec = {"selector": {"matchLabels": labels}, "template": template, "replicas": 10}
    deployment = _create(admin, "apps/v1", "Deployment", place, name, spec)
    owner = [_reference(deployment, "Deployment")]
    replica_set = _create(admin, "apps/v1", "ReplicaSet", place, name, spec, owner)
    if index % 2 == 0:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        scaling = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 20}
        _create(admin, "autoscaling/v2", "HorizontalPodAutoscaler", place, name, scaling)
    return _reference(replica_set, "ReplicaSet")


def _create(
    admin: Kube,
    group: str,
    kind: str,
    place: str,
    name: str,
    spec: dict[str, Any],
    owners: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    path = f"/apis/{group}/namespaces/{place}/{kind.lower()}s"
    metadata = {"name": name, "ownerReferences": owners or []}
    body = {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}
    made: dict[str, Any] = admin.create(path, body)
    return made


def _reference(owner: dict[str, Any], kind: str) -> dict[str, Any]:
    meta = owner["metadata"]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
    }
