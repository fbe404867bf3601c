"""Did a person allow this?"""

from typing import Final

from healing.guards.asked import Asked, Guard


def mode(asked: Asked) -> str | None:
    """Only `auto` writes; it must hold for the namespace and for the kind of action."""
    target, kind = asked.change.target, asked.change.kind
    found = asked.settings.mode_for(target.namespace, kind)
    if found == "auto":
        return None
    return f"mode is {found} for {kind} in namespace {target.namespace}"


def opted_in(asked: Asked) -> str | None:
    """The workload's owner let it be touched."""
    workload = asked.workload
    if workload is None:
        return f"{asked.change.target} is not in the cluster (any more)"
    return None if workload.is_opted_in else f"{workload.key} is not opted in"


def unexpired(asked: Asked) -> str | None:
    """A plan is for the moment that it was made in."""
    late_s = (asked.situation.now_unix_ns - asked.plan.expires_unix_ns) / 1e9
    if late_s <= 0 or asked.change == asked.plan.undo:
        return None
    return f"the plan expired {late_s:.0f} s ago"


PERMISSION: Final[tuple[Guard, ...]] = (mode, opted_in, unexpired)
