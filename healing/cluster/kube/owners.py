"""Who else steers a workload: found by what each of them leaves on it or points at it.

What is found is a named reason to keep off: we never fight another controller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from healing.cluster.kube.names import CRITICAL_CLASSES, SYSTEM_NAMESPACES
from healing.cluster.kube.objects import Meta, ScalerObject
from healing.cluster.kube.workloads import Deployed

HELM: Final = "meta.helm.sh/release-name"
_MARKS: Final = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """Who steers the whole workload, its replicas, its release; and why nobody may touch it."""

    steered_by: str | None
    scaled_by: str | None
    released_by: str | None
    untouchable: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The objects of other controllers that point at workloads."""

    autoscalers: Iterable[ScalerObject]
    scaled_objects: Iterable[ScalerObject]
    canaries: Iterable[ScalerObject]


def steering_of(
    workload: Deployed, kind: str, others: Others, *, own_namespace: str | None
) -> Steering:
    """Return who has a say in a workload."""
    meta = workload.metadata
    return Steering(
        steered_by=_steered_by(workload, kind, others),
        scaled_by=_scaled_by(meta, kind, others),
        released_by=f"Helm release {meta.annotations[HELM]}" if HELM in meta.annotations else None,
        untouchable=_untouchable(workload, own_namespace),
    )


def _steered_by(workload: Deployed, kind: str, others: Others) -> str | None:
    meta = workload.metadata
    owner = meta.controller()
    if owner is not None:
        return f"its operator: {owner.kind} {owner.name}"
    for mark, name in _MARKS.items():
        if mark in meta.annotations or mark in meta.labels:
            return name
    for canary in others.canaries:
        if _points_at(canary, meta, kind):
            return f"Flagger Canary {canary.metadata.name}"
    return "a person, who paused it" if workload.paused else None


def _scaled_by(meta: Meta, kind: str, others: Others) -> str | None:
    """KEDA first: it makes an HorizontalPodAutoscaler of its own, and is the one to talk to."""
    for scaler in others.scaled_objects:
        if _points_at(scaler, meta, kind):
            return f"KEDA ScaledObject {scaler.metadata.name}"
    for scaler in others.autoscalers:
        if _points_at(scaler, meta, kind):
            return f"HorizontalPodAutoscaler {scaler.metadata.name}"
    return None


def _points_at(scaler: ScalerObject, meta: Meta, kind: str) -> bool:
    spec = scaler.spec
    target = spec.scale_target_ref if spec.scale_target_ref.name else spec.target_ref
    return (
        scaler.metadata.namespace == meta.namespace
        and target.name == meta.name
        and (target.kind or "Deployment") == kind
    )


def _untouchable(workload: Deployed, own_namespace: str | None) -> str | None:
    meta = workload.metadata
    if meta.deletion_timestamp is not None:
        return "it is being deleted"
    if meta.namespace in SYSTEM_NAMESPACES:
        return f"namespace {meta.namespace} belongs to Kubernetes itself"
    if own_namespace is not None and meta.namespace == own_namespace:
        return "namespace of Homeostat itself"
    if workload.priority_class in CRITICAL_CLASSES:
        return f"its pods are {workload.priority_class}"
    return None
