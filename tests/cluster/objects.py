"""Kubernetes objects as their owners would write them."""

from typing import Any

from healing.cluster.kube.names import ENABLED, HEAL

FAULT = "test.homeostat.dev/fault"


def namespace(name: str, *, heal: bool = True) -> dict[str, Any]:
    labels = {HEAL: ENABLED} if heal else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def template(name: str, version: str, fault: str = "") -> dict[str, Any]:
    """A pod template; `fault` is what KWOK lets its pods do."""
    limits = {"cpu": "1", "memory": "256Mi"}
    container = {
        "name": "app",
        "image": f"registry.example/{name}:{version}",
        "resources": {"limits": limits, "requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    return {
        "metadata": {"labels": {"app": name}, "annotations": {FAULT: fault} if fault else {}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def deployment(
    name: str,
    version: str = "1.0.0",
    *,
    replicas: int = 2,
    annotations: dict[str, str] | None = None,
    heal: bool = True,
    **spec: Any,
) -> dict[str, Any]:
    marks = {**({HEAL: ENABLED} if heal else {}), **(annotations or {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}, "annotations": marks},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "template": template(name, version),
            **spec,
        },
    }


def event(place: str) -> dict[str, Any]:
    """An event as we write it."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "homeostat-1", "namespace": place},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "homeostat.dev/homeostat",
        "reportingInstance": "one",
        "action": "Scale",
        "reason": "Applied",
        "type": "Normal",
        "regarding": {"kind": "Deployment", "name": "cart", "namespace": place},
        "note": "replicas 2 to 4",
    }
