"""Whether a change may be made: one guard a question, each of which can only say no.

All are asked when a plan is made, and all once more, on fresh facts, at the moment of the write.
An undo asks only what keeps it from hurting: permission, fresh facts, and the state of its target.
"""

from typing import Final

from healing.guards.asked import Asked, Guard
from healing.guards.budgets import (
    BUDGETS,
    failed_tries,
    in_flight,
    oscillation,
    target_cooldown,
)
from healing.guards.calm import CALM
from healing.guards.evidence import EVIDENCE
from healing.guards.freshness import FRESHNESS, fresh_cluster
from healing.guards.permission import APPROVAL, PERMISSION
from healing.guards.room import ROOM
from healing.guards.target import TARGET
from knowledge.plans import ApprovedPlan, GuardResult, Refused

GUARDS: Final[tuple[Guard, ...]] = (
    *PERMISSION,
    *FRESHNESS,
    *EVIDENCE,
    *TARGET,
    *ROOM,
    *BUDGETS,
    *APPROVAL,
)
"""The last one is asked only where all others let a plan pass."""
BOOST_END_GUARDS: Final[tuple[Guard, ...]] = (
    *PERMISSION,
    *FRESHNESS,
    *TARGET,
    *CALM,
    in_flight,
    oscillation,
    target_cooldown,
    failed_tries,
)
UNDO_GUARDS: Final[tuple[Guard, ...]] = (*PERMISSION, fresh_cluster, *TARGET)


def check(asked: Asked, guards: tuple[Guard, ...] = GUARDS) -> ApprovedPlan | Refused:
    """Ask one guard after another; the first that says no decides, and says why."""
    results: list[GuardResult] = []
    for guard in guards:
        reason = guard(asked)
        name = guard.__name__.replace("_", " ")
        if reason is not None:
            return Refused(issue_id=asked.plan.issue_id, guard=name, reason=reason, plan=asked.plan)
        results.append(GuardResult(guard=name, passed=True, reason=""))
    needed = asked.approval is not None and asked.approval.digest == asked.plan.digest
    return ApprovedPlan(
        plan=asked.plan, guards=tuple(results), approval=asked.approval if needed else None
    )
