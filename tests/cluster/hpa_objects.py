"""What is scaled in the oracle of the HPA, and by what."""

from datetime import UTC, datetime
from typing import Any, Final

from healing.control.hpa_pods import PodFacts
from tests.cluster.hpa_sequences import Sequence

GROUP: Final = "test.homeostat.dev"
MIB: Final = 2**20
CPU_MILLI: Final = 1000
MEMORY_MIB: Final = 1000


def thing() -> dict[str, Any]:
    kept = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {"type": "object", "properties": {"spec": kept, "status": kept}}
        },
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def autoscaler(sequence: Sequence) -> dict[str, Any]:
    metrics: list[dict[str, Any]] = []
    for kind, target in sequence.metrics.items():
        if kind == "outside":
            wanted: dict[str, Any] = {"type": "AverageValue", "averageValue": str(target)}
            outside = {"metric": {"name": "outside"}, "target": wanted}
            metrics.append({"type": "External", "external": outside})
        else:
            wanted = {"type": "Utilization", "averageUtilization": target}
            metrics.append({"type": "Resource", "resource": {"name": kind, "target": wanted}})
    spec = {
        "scaleTargetRef": {"apiVersion": f"{GROUP}/v1", "kind": "Thing", "name": "thing"},
        "minReplicas": sequence.least,
        "maxReplicas": sequence.most,
        "metrics": metrics,
    }
    if sequence.behavior:
        spec["behavior"] = sequence.behavior
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "autoscaler"},
        "spec": spec,
    }


def facts_of(pod: dict[str, Any]) -> PodFacts:
    status = pod["status"]
    conditions = [c for c in status.get("conditions", ()) if c["type"] == "Ready"]
    ready = conditions[0] if conditions else None
    started = status.get("startTime")
    return PodFacts(
        name=pod["metadata"]["name"],
        phase=status["phase"],
        is_deleted="deletionTimestamp" in pod["metadata"],
        is_ready=None if ready is None else ready["status"] == "True",
        started_unix_ns=None if started is None else unix_ns(started),
        ready_changed_unix_ns=unix_ns(ready["lastTransitionTime"]) if ready else 0,
        requests_milli={"cpu": CPU_MILLI, "memory": MEMORY_MIB * MIB * 1000},
    )


def ago(now_s: float, age_s: float) -> str:
    return datetime.fromtimestamp(now_s - age_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**9
