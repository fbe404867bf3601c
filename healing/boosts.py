"""The end of boosts: what was added for a time is taken back, whoever of us had added it.

A boost is known from the object that it was written on, so it ends also after a restart of ours.
"""

from typing import Final

from healing.settings import HealingSettings
from healing.situation import Situation
from healing.strategies.proposal import NotThis
from healing.strategies.scale_down import propose_scale_down
from knowledge.cluster import Boost, Scale, SetFloor, Workload
from knowledge.identity import ServiceKey
from knowledge.plans import Expectation, Fact, RecoveryPlan, Refused

BOOST: Final = "boost-"
"""What the ids begin with that stand in the place of an issue's."""


def plans_to_end(
    situation: Situation, settings: HealingSettings
) -> tuple[RecoveryPlan | Refused, ...]:
    """Return a plan, or why there is none, for each boost in the cluster."""
    cluster = situation.cluster
    if cluster is None:
        return ()
    return tuple(
        plan_to_end(workload, workload.boost, situation, settings)
        for workload in cluster.workloads
        if workload.boost is not None
    )


def plan_to_end(
    workload: Workload, boost: Boost, situation: Situation, settings: HealingSettings
) -> RecoveryPlan | Refused:
    """Return the plan that ends one boost now, or why it stays."""
    assert situation.cluster is not None  # the workload is of its report
    now = situation.now_unix_ns
    change = propose_scale_down(workload, boost, situation.cluster, settings, now_unix_ns=now)
    if isinstance(change, NotThis):
        return Refused(issue_id=issue_of(boost), guard="boost", reason=change.reason)
    left_s = max(0.0, (boost.expires_unix_ns - now) / 1e9)
    why = f"it has {left_s:.0f} s left, and is not needed" if left_s else "its time is over"
    service = ServiceKey(namespace=workload.key.namespace, name=workload.key.name)
    return RecoveryPlan(
        id=f"plan-{issue_of(boost)}-{now // 10**6}",
        issue_id=issue_of(boost),
        cause=service,
        change=change,
        undo=_again(change, settings),
        facts=(Fact(source="api", text=f"{boost.of} were raised by {boost.action_id}: {why}"),),
        expected=Expectation(
            service=service,
            text=f"nobody misses what is taken from {workload.key}",
            deadline_unix_ns=now + int(settings.verify_timeout_s * 1e9),
        ),
        created_unix_ns=now,
        expires_unix_ns=now + int(settings.plan_expiry_s * 1e9),
        ends_boost=True,
    )


def issue_of(boost: Boost) -> str:
    """Return what stands in the place of an issue's id: nothing is wrong."""
    return f"{BOOST}{boost.action_id}"


def _again(change: Scale | SetFloor, settings: HealingSettings) -> Scale | SetFloor:
    """The boost once more, for where it was missed after all."""
    if isinstance(change, Scale):
        return Scale(
            target=change.target,
            replicas=change.replicas_before,
            replicas_before=change.replicas,
            boost_s=settings.boost_s,
        )
    return SetFloor(
        target=change.target,
        scaler_kind=change.scaler_kind,
        scaler_name=change.scaler_name,
        scaler_uid=change.scaler_uid,
        floor=change.floor_before,
        floor_before=change.floor,
        boost_s=settings.boost_s,
    )
