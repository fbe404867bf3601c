"""The object that a change is written to: where it is, and what must be known of it before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from healing.cluster.kube.names import FENCE
from healing.cluster.kube.objects import ScalerObject
from healing.cluster.kube.scalers import FLOORS, collection
from healing.cluster.kube.workloads import action_of, boil_down
from knowledge.cluster import Change, RollBackRelease, Scale, SetFloor, WriteIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at the object told. `release`: of a Deployment."""

    token: str
    last_action_id: str
    release: int | None


def path_of(change: Change) -> str:
    """Return where the object is read and written."""
    target = change.target
    if isinstance(change, SetFloor):
        return f"{collection(change.scaler_kind, target.namespace)}/{change.scaler_name}"
    return f"/apis/apps/v1/namespaces/{target.namespace}/deployments/{target.name}"


def uid_of(change: Change) -> str:
    """Return the uid that the object must have."""
    return change.scaler_uid if isinstance(change, SetFloor) else change.target.uid


def fence_of(live: Mapping[str, Any]) -> int:
    """Return the epoch that last took an object over; 0: none."""
    text = (live["metadata"].get("annotations") or {}).get(FENCE, "")
    return int(text) if text.isdigit() else 0


def name_of(change: Change) -> str:
    """Return what people call the object."""
    if isinstance(change, SetFloor):
        return f"{change.scaler_kind} {change.target.namespace}/{change.scaler_name}"
    return str(change.target)


def seen_of(change: Change, body: bytes) -> Seen:
    """Read the object.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    if isinstance(change, SetFloor):
        scaler = msgspec.json.decode(body, type=ScalerObject)
        told = str(action_of(scaler.metadata).get("id", ""))
        return Seen(token=scaler.token(), last_action_id=told, release=None)
    deployed = boil_down(body)
    return Seen(
        token=deployed.token(),
        last_action_id=deployed.last_action_id(),
        release=deployed.release,
    )


def moved(intent: WriteIntent, live: dict[str, Any], seen: Seen) -> str | None:
    """Return why the object is not what the intent was made for, None where it is."""
    change = intent.change
    fence = fence_of(live)
    if 0 < intent.epoch < fence:  # 0: a person's own order
        return f"epoch {fence} has taken over from {intent.epoch}"
    uid, wanted = live["metadata"]["uid"], uid_of(change)
    if uid != wanted:
        return f"uid is {uid}, not {wanted}"
    if seen.token != intent.resource_version:
        return f"its state is {seen.token}, not {intent.resource_version}"
    spec = live["spec"]
    if isinstance(change, Scale) and spec.get("replicas") != change.replicas_before:
        return f"replicas are {spec.get('replicas')}, not {change.replicas_before}"
    if isinstance(change, SetFloor):
        floor = spec.get(FLOORS[change.scaler_kind][-1])
        if floor != change.floor_before:
            return f"the floor is {floor}, not {change.floor_before}"
    if isinstance(change, RollBackRelease) and seen.release != change.revision_before:
        return f"revision is {seen.release}, not {change.revision_before}"
    return None
