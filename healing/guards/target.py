"""Can the target bear it, and is nobody else at work on it?"""

from typing import Final

from healing.guards.asked import Asked, Guard
from knowledge.cluster import Change, SetFloor, Workload


def touchable(asked: Asked) -> str | None:
    """Kubernetes' own, Homeostat's own and what is on its way out is nobody's to heal."""
    return why_untouchable(asked.workload) if asked.workload else None


def why_untouchable(workload: Workload) -> str | None:
    """Return why nobody may change the workload, if that is so."""
    return f"{workload.key}: {workload.untouchable}" if workload.untouchable else None


def no_other_controller(asked: Asked) -> str | None:
    """No other controller steers the target, or the very field: we never fight."""
    return other_controller(asked.workload, asked.change) if asked.workload else None


def other_controller(workload: Workload, change: Change) -> str | None:
    """Return who else decides what the change would change, if anybody does."""
    if workload.steered_by is not None:
        return f"{workload.key} is steered by {workload.steered_by}"
    if change.kind == "scale" and workload.scaled_by is not None:
        return f"the replicas of {workload.key} are set by {workload.scaled_by}"
    if change.kind == "set_floor":
        return _other_floor(workload, change)
    if change.kind == "roll_back_release" and workload.released_by is not None:
        return f"the release of {workload.key} is kept by {workload.released_by}"
    return None


def _other_floor(workload: Workload, change: SetFloor) -> str | None:
    scaler = workload.scaler
    if scaler is None:
        return f"no autoscaler sets the replicas of {workload.key}"
    if scaler.uid != change.scaler_uid:
        return f"the replicas of {workload.key} are set by {scaler.kind} {scaler.name} by now"
    if scaler.steered_by is not None:
        return f"{scaler.kind} {scaler.name} is steered by {scaler.steered_by}"
    return None


def no_foreign_rollout(asked: Asked) -> str | None:
    """Nobody else's rollout runs on the target, except the one that is to be rolled back."""
    workload = asked.workload
    if workload is None or not workload.is_rolling:
        return None
    change = asked.change
    if change.kind == "roll_back_release" and workload.revision == change.revision_before:
        return None
    return f"a rollout of {workload.key} is under way"


def bearable(asked: Asked) -> str | None:
    """Singletons and workloads that stop before they start have no one to stand in meanwhile."""
    workload = asked.workload
    if workload is None:
        return None
    if workload.strategy != "RollingUpdate":
        return f"{workload.key} is replaced by {workload.strategy}: it would be down meanwhile"
    if workload.key.kind == "StatefulSet":
        return f"{workload.key} may hold a quorum"
    if workload.key.kind != "Deployment":
        return f"{workload.key}: only Deployments are acted on"
    return f"{workload.key} is a singleton" if workload.replicas < 2 else None  # noqa: PLR2004


def unmoved(asked: Asked) -> str | None:
    """The field that is to be changed still has the value that the change starts from."""
    workload, change = asked.workload, asked.change
    if workload is None:
        return None
    if change.kind == "scale" and workload.replicas != change.replicas_before:
        return f"{workload.key} has {workload.replicas} replicas, not {change.replicas_before}"
    if change.kind == "roll_back_release" and workload.revision != change.revision_before:
        return f"{workload.key} is on revision {workload.revision}, not {change.revision_before}"
    if change.kind == "set_floor" and workload.scaler is not None:
        floor = workload.scaler.floor
        if floor != change.floor_before:
            return f"the floor of {workload.key} is {floor}, not {change.floor_before}"
    return None


def within_ceiling(asked: Asked) -> str | None:
    """No more replicas than the owner, and the autoscaler, let the workload have."""
    workload, change = asked.workload, asked.change
    if workload is None:
        return None
    if change.kind == "scale" and change.replicas > workload.replicas_max:
        return f"{change.replicas} replicas are more than {workload.replicas_max}"
    if change.kind == "set_floor" and workload.scaler is not None:
        ceiling = min(workload.scaler.ceiling, workload.replicas_max)
        if (change.floor or 0) > ceiling:
            return f"a floor of {change.floor} is above the ceiling of {ceiling}"
    return None


TARGET: Final[tuple[Guard, ...]] = (
    touchable,
    no_other_controller,
    no_foreign_rollout,
    bearable,
    unmoved,
    within_ceiling,
)
