"""Who else steers a workload: found by what each of them leaves on it or points at it.

What is found is a named reason to keep off: we never fight another controller.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Final

from healing.cluster.kube.names import CRITICAL_CLASSES, SYSTEM_NAMESPACES
from healing.cluster.kube.objects import Meta, ScalerObject
from healing.cluster.kube.scalers import Target, keeper_of, points_at, scaler_of, target_of
from healing.cluster.kube.workloads import Deployed
from knowledge.cluster import Scaler

HELM: Final = "meta.helm.sh/release-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who steers all of a workload, its replicas, release, sizes; and why nobody may touch it."""

    steered_by: str | None
    scaled_by: str | None
    released_by: str | None
    untouchable: str | None
    sized_by: str | None
    scaler: Scaler | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The objects of other controllers that point at workloads."""

    autoscalers: Iterable[ScalerObject]
    scaled_objects: Iterable[ScalerObject]
    canaries: Iterable[ScalerObject]
    rollouts: Iterable[ScalerObject] = ()
    verticals: Iterable[ScalerObject] = ()

    def by_target(self) -> dict[Target, "Others"]:
        """Return for each workload those that point at it; a workload that is not in it has none.

        To look through all of them for each workload would take a second where there are hundreds.
        """
        found: dict[Target, dict[str, list[ScalerObject]]] = {}
        for field in fields(self):
            for one in getattr(self, field.name):
                found.setdefault(target_of(one), {}).setdefault(field.name, []).append(one)
        return {target: replace(NONE, **named) for target, named in found.items()}


NONE: Final = Others(autoscalers=(), scaled_objects=(), canaries=())


def owners_of(
    workload: Deployed, kind: str, others: Others, *, own_namespace: str | None
) -> Owners:
    """Return who has a say in a workload."""
    meta = workload.metadata
    scaler = scaler_of(
        meta, kind, scaled_objects=others.scaled_objects, autoscalers=others.autoscalers
    )
    return Owners(
        steered_by=_steered_by(workload, kind, others),
        scaled_by=_scaled_by(scaler),
        released_by=f"Helm release {meta.annotations[HELM]}" if HELM in meta.annotations else None,
        untouchable=_untouchable(workload, own_namespace),
        sized_by=_sized_by(meta, kind, others),
        scaler=scaler,
    )


def _steered_by(workload: Deployed, kind: str, others: Others) -> str | None:
    meta = workload.metadata
    owner = meta.controller()
    if owner is not None:
        return f"its operator: {owner.kind} {owner.name}"
    keeper = keeper_of(meta)
    if keeper is not None:
        return keeper
    for canary in others.canaries:
        if points_at(canary, meta, kind):
            return f"Flagger Canary {canary.metadata.name}"
    for rollout in others.rollouts:
        if points_at(rollout, meta, kind):
            return f"Argo Rollout {rollout.metadata.name}"
    return "a person, who paused it" if workload.paused else None


def _scaled_by(scaler: Scaler | None) -> str | None:
    """KEDA makes an HorizontalPodAutoscaler of its own, and is the one to talk to."""
    if scaler is None:
        return None
    name = "KEDA ScaledObject" if scaler.kind == "ScaledObject" else scaler.kind
    return f"{name} {scaler.name}"


def _sized_by(meta: Meta, kind: str, others: Others) -> str | None:
    """A VerticalPodAutoscaler that only recommends sizes nothing."""
    for vertical in others.verticals:
        mode = vertical.spec.update_policy.update_mode
        if mode != "Off" and points_at(vertical, meta, kind):
            return f"VerticalPodAutoscaler {vertical.metadata.name} ({mode})"
    return None


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
