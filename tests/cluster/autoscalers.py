"""Autoscalers as their owners write them, and KEDA's kind of object where there is no KEDA."""

from typing import Any

from tests.cluster.place import Place
from tests.parts.kube import KubeError

KEDA: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {"plural": "scaledobjects", "kind": "ScaledObject", "singular": "scaledobject"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def autoscaler(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 6,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 60},
                    },
                }
            ],
        },
    }


def scaled_object(name: str, **spec: Any) -> dict[str, Any]:
    """A ScaledObject without a floor of its own, unless `spec` has one."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": {"name": name}, "triggers": [], **spec},
    }


def know_keda(place: Place) -> None:
    """Let the API server know KEDA's kind, once."""
    admin = place.plane.admin
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    if not _answers(place, f"{definitions}/{KEDA['metadata']['name']}"):
        admin.create(definitions, KEDA)
    place.until(lambda: _answers(place, place.path("scaledobjects", group="keda.sh/v1alpha1")))


def _answers(place: Place, path: str) -> bool:
    try:
        place.plane.admin.get(path)
    except KubeError:
        return False
    return True
