"""The shop's objects on a cluster, as its owners would write them, and who may heal it."""

from typing import Any, Final

from healing.cluster.kube.names import REPLICAS_MAX
from healing.cluster.kube.rbac import manifests
from healing.settings import HealingSettings
from tests.cluster import objects
from tests.cluster.place import Place
from tests.parts.control_plane import ControlPlane
from tests.parts.kube import Kube
from twin.model import Service
from twin.shop import SHOP

OWN: Final = "homeostat"
AUTOSCALED: Final = "currency"
COLLECTIONS: Final = {
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
}


def open_shop(plane: ControlPlane) -> Place:
    """Deploy each service's older release, then the one that it runs; return when all is ready."""
    place = Place(plane, SHOP.namespace)
    plane.admin.create("/api/v1/namespaces", objects.namespace(place.namespace))
    for service in SHOP.services:
        place.deploy(_deployment(service))
    for service in SHOP.services:
        place.settle(service.name)
        place.release(service.name, service.versions[-1])
    for service in SHOP.services:
        place.settle(service.name)
    path = place.path("horizontalpodautoscalers", group="autoscaling/v2")
    plane.admin.create(path, _autoscaler(AUTOSCALED))
    return place


def _deployment(service: Service) -> dict[str, Any]:
    body = objects.deployment(
        service.name,
        service.versions[0],
        replicas=service.replicas,
        annotations={REPLICAS_MAX: str(service.replicas_max)},
    )
    if service.strategy == "Recreate":
        body["spec"]["strategy"] = {"type": "Recreate"}
    return body


def _autoscaler(name: str) -> dict[str, Any]:
    """One that finds two replicas enough: its pods may use nine times what they asked for."""
    target = {"type": "Utilization", "averageUtilization": 900}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 6,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def engage(plane: ControlPlane) -> Kube:
    """Give Homeostat the rights that `homeostat rbac` prints for the shop, and no others."""
    plane.admin.create("/api/v1/namespaces", objects.namespace(OWN, heal=False))
    settings = HealingSettings(namespaces={SHOP.namespace: "auto"})
    for body in manifests(settings, own_namespace=OWN):
        root, plural = COLLECTIONS[body["kind"]]
        home = body["metadata"].get("namespace")
        plane.admin.create(
            f"{root}/namespaces/{home}/{plural}" if home else f"{root}/{plural}", body
        )
    return plane.account(OWN, OWN)
