"""Autoscalers as their owners write them, and kinds of objects of projects that are not there."""

from typing import Any

from tests.cluster.place import Place
from tests.parts.kube import KubeError


def definition(plural: str, kind: str, group: str, version: str) -> dict[str, Any]:
    """Another project's kind of object, by its real name, with an open schema."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            # for *.k8s.io the server wants to know who approved it
            "annotations": {"api-approved.kubernetes.io": "unapproved, a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "singular": kind.lower()},
            "versions": [{**served, "schema": {"openAPIV3Schema": schema}}],
        },
    }


KEDA = definition("scaledobjects", "ScaledObject", "keda.sh", "v1alpha1")


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


def know(place: Place, kind: dict[str, Any]) -> None:
    """Let the API server know a kind of object, once."""
    admin, spec = place.plane.admin, kind["spec"]
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    if not _answers(place, f"{definitions}/{kind['metadata']['name']}"):
        admin.create(definitions, kind)
    group = f"{spec['group']}/{spec['versions'][0]['name']}"
    place.until(lambda: _answers(place, place.path(spec["names"]["plural"], group=group)))


def know_keda(place: Place) -> None:
    """Let the API server know KEDA's kind."""
    know(place, KEDA)


def _answers(place: Place, path: str) -> bool:
    try:
        place.plane.admin.get(path)
    except KubeError:
        return False
    return True
