"""Autoscalers: which one sets a workload's replicas, and the floor that can be raised.

A HorizontalPodAutoscaler keeps to `minReplicas`. KEDA makes one of its own from a ScaledObject and
overwrites what others change in it, so there the floor is the ScaledObject's `minReplicaCount`
(keda.sh/docs/latest/reference/scaledobject-spec).
"""

from collections.abc import Iterable
from typing import Final

from healing.cluster.kube.names import KEDA_PAUSED
from healing.cluster.kube.objects import Meta, ScalerObject, TargetReference
from healing.cluster.kube.workloads import action_of
from knowledge.cluster import Scaler, ScalerKind

COLLECTIONS: Final[dict[ScalerKind, str]] = {
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/{place}horizontalpodautoscalers",
    "ScaledObject": "/apis/keda.sh/v1alpha1/{place}scaledobjects",
}
FLOORS: Final[dict[ScalerKind, tuple[str, ...]]] = {
    "HorizontalPodAutoscaler": ("spec", "minReplicas"),
    "ScaledObject": ("spec", "minReplicaCount"),
}
KEDA_CEILING: Final = 100
"""A ScaledObject that names none."""

Target = tuple[str, str, str]
"""Namespace, kind and name of a workload: how such references name it."""


def collection(kind: ScalerKind, namespace: str = "") -> str:
    """Return where autoscalers of a kind are, in a namespace or in all."""
    return COLLECTIONS[kind].format(place=f"namespaces/{namespace}/" if namespace else "")


def points_at(scaler: ScalerObject, meta: Meta, kind: str) -> bool:
    """Whether an autoscaler (or whatever has such a reference) is about that workload."""
    return target_of(scaler) == (meta.namespace, kind, meta.name)


def target_of(scaler: ScalerObject) -> Target:
    """Return which workload an autoscaler (or whatever has such a reference) is about."""
    spec = scaler.spec
    named = (spec.scale_target_ref, spec.target_ref, spec.workload_ref)
    target = next((reference for reference in named if reference.name), TargetReference())
    return scaler.metadata.namespace, target.kind or "Deployment", target.name


def scaler_of(
    meta: Meta,
    kind: str,
    *,
    scaled_objects: Iterable[ScalerObject],
    autoscalers: Iterable[ScalerObject],
) -> Scaler | None:
    """Return the autoscaler that sets a workload's replicas, None for none."""
    keda = [s for s in scaled_objects if points_at(s, meta, kind)]
    made = {scaler.metadata.uid for scaler in keda}
    plain = [s for s in autoscalers if points_at(s, meta, kind) and not _made_by(s, made)]
    found: list[Scaler] = [
        *(_scaler(s, "ScaledObject") for s in keda),
        *(_scaler(s, "HorizontalPodAutoscaler") for s in plain),
    ]
    return found[0] if found else None


def _made_by(scaler: ScalerObject, uids: set[str]) -> bool:
    owner = scaler.metadata.controller()
    return owner is not None and owner.uid in uids


def _scaler(scaler: ScalerObject, kind: ScalerKind) -> Scaler:
    meta, spec = scaler.metadata, scaler.spec
    is_keda = kind == "ScaledObject"
    ceiling = spec.max_replica_count if is_keda else spec.max_replicas
    return Scaler(
        kind=kind,
        name=meta.name,
        uid=meta.uid,
        resource_version=scaler.token(),
        floor=spec.min_replica_count if is_keda else spec.min_replicas,
        ceiling=KEDA_CEILING if ceiling is None else ceiling,
        steered_by=_steered_by(meta),
        last_action_id=str(action_of(meta).get("id", "")),
    )


def _steered_by(meta: Meta) -> str | None:
    """Who decides about the autoscaler itself, so that a change of ours would be fought over."""
    owner = meta.controller()
    if owner is not None:
        return f"its operator: {owner.kind} {owner.name}"
    if any(mark in meta.annotations for mark in KEDA_PAUSED):
        return "a person, who paused it"
    return keeper_of(meta)


MARKS: Final = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""What tools that keep objects as a repository has them leave on those."""


def keeper_of(meta: Meta) -> str | None:
    """Return the tool that keeps an object as a repository has it."""
    for mark, name in MARKS.items():
        if mark in meta.annotations or mark in meta.labels:
            return name
    return None
