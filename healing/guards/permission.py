"""Did a person allow this, and does nobody forbid it now?"""

from collections.abc import Sequence
from typing import Final

from healing.guards.asked import Asked, Guard
from healing.maintenance import covering
from healing.settings import HealingSettings
from knowledge.cluster import Workload
from knowledge.identity import WorkloadKey
from knowledge.orders import Pause


def not_stopped(asked: Asked) -> str | None:
    """Nobody pulled the emergency stop."""
    return asked.situation.stopped


def not_paused(asked: Asked) -> str | None:
    """Nobody paused this workload, its namespace, or all of it."""
    target, now = asked.change.target, asked.situation.now_unix_ns
    return why_paused(asked.pauses, target.namespace, target.name, now_unix_ns=now)


def no_maintenance(asked: Asked) -> str | None:
    """No maintenance window is open: people are at work."""
    now = asked.situation.now_unix_ns
    return why_maintained(asked.settings, asked.change.target.namespace, now_unix_ns=now)


def why_paused(
    pauses: Sequence[Pause], namespace: str, workload: str, *, now_unix_ns: int
) -> str | None:
    """Return who paused a workload, and why."""
    for pause in pauses:
        if pause.covers(namespace, workload, now_unix_ns=now_unix_ns):
            return f"paused by {pause.by}: {pause.reason} ({pause.id})"
    return None


def why_maintained(settings: HealingSettings, namespace: str, *, now_unix_ns: int) -> str | None:
    """Return which maintenance window is open in a namespace."""
    found = covering(settings.maintenance, namespace, now_unix_ns=now_unix_ns)
    if found is None:
        return None
    return f"{found.reason}: {found.begins} to {found.ends} {found.time_zone}"


def mode(asked: Asked) -> str | None:
    """Only `auto` and `approve` write, for this namespace and for this kind of action."""
    target, kind = asked.change.target, asked.change.kind
    if asked.settings.may_write(target.namespace, kind):
        return None
    found = asked.settings.mode_for(target.namespace, kind)
    return f"mode is {found} for {kind} in namespace {target.namespace}"


def opted_in(asked: Asked) -> str | None:
    """The workload's owner let it be touched."""
    return why_not_opted_in(asked.workload, asked.change.target)


def why_not_opted_in(workload: Workload | None, target: WorkloadKey) -> str | None:
    """Return that a target is gone, or that its owner did not let it be touched."""
    if workload is None:
        return f"{target} is not in the cluster (any more)"
    return None if workload.is_opted_in else f"{workload.key} is not opted in"


def unexpired(asked: Asked) -> str | None:
    """A plan is for the moment that it was made in."""
    late_s = (asked.situation.now_unix_ns - asked.plan.expires_unix_ns) / 1e9
    if late_s <= 0 or asked.is_undo:
        return None
    return f"the plan expired {late_s:.0f} s ago"


def approval(asked: Asked) -> str | None:
    """Where the mode is `approve`: a person approved this very change of this very state."""
    target, kind = asked.change.target, asked.change.kind
    if asked.settings.mode_for(target.namespace, kind) != "approve":
        return None
    given = asked.approval
    if given is not None and given.digest == asked.plan.digest:
        return None
    return f"waits for a person: homeostat approve {asked.plan.digest}"


PERMISSION: Final[tuple[Guard, ...]] = (
    not_stopped,
    not_paused,
    no_maintenance,
    mode,
    opted_in,
    unexpired,
)
APPROVAL: Final[tuple[Guard, ...]] = (approval,)
"""Asked last, so that nobody is asked to approve what another guard refuses."""
