"""Scale up: more is asked of a workload than its pods can do.

Where an autoscaler sets the replicas, its floor is raised instead: two masters would fight.
"""

from dataclasses import replace
from math import ceil

from healing.settings import HealingSettings
from healing.strategies.proposal import Case, NotThis, Proposal
from healing.usage import cpu_of, full_pods
from knowledge.cluster import Scale, Scaler, SetFloor
from knowledge.identity import WorkloadKey
from knowledge.plans import Fact

_SATURATED = 0.95


def wanted_replicas(
    replicas: int, usage: float, *, target: float, factor_max: float, replicas_max: int
) -> int:
    """Return the replicas that bring `usage` (share of the limit) to `target`.

    Usage at its limit hides how much more is wanted, so there the largest step is taken. Never
    fewer than now, never more than `factor_max` times or `replicas_max`.

    >>> wanted_replicas(3, 0.9, target=0.6, factor_max=2.0, replicas_max=10)
    5
    """
    by_usage = factor_max * replicas if usage >= _SATURATED else replicas * usage / target
    wanted = ceil(round(by_usage, 6))
    return max(replicas, min(wanted, int(factor_max * replicas), replicas_max))


def propose_scale_up(case: Case, settings: HealingSettings) -> Proposal | NotThis:
    """Propose more replicas where arrival grew and the pods are at their limit."""
    ratio = case.cause.arrival_ratio
    if ratio is None or ratio < settings.arrival_ratio_min:
        grown = "not known" if ratio is None else f"{ratio:.1f} times the usual"
        return NotThis(strategy="scale", reason=f"arrival is {grown}: no overload")
    usage = cpu_of(case.cluster, case.workload.key)
    if usage is None:
        return NotThis(strategy="scale", reason="the cluster reports no CPU usage of its pods")
    if usage < settings.scale_usage_min:
        return NotThis(strategy="scale", reason=f"pods use {usage:.0%} of their CPU: no overload")
    pods = case.cluster.pods_of(case.workload.key)
    full = full_pods(pods)
    if full and len(full) >= settings.ill_ratio_min * len(pods):
        # who runs out of memory is busy as well, and arrivals are telemetry's word
        reason = (
            f"{len(full)} of {len(pods)} pods are at their memory limit: that may keep them busy"
        )
        return NotThis(strategy="scale", reason=reason)
    ceiling, scaler = case.workload.replicas_max, case.workload.scaler
    if scaler is not None:
        ceiling = min(ceiling, scaler.ceiling)
    before = case.workload.replicas
    replicas = wanted_replicas(
        before,
        usage,
        target=settings.scale_usage_target,
        factor_max=settings.scale_factor_max,
        replicas_max=ceiling,
    )
    if replicas <= before:
        return NotThis(
            strategy="scale", reason=f"{before} replicas, and no more than {ceiling} fit"
        )
    facts = (
        Fact(source="telemetry", text=f"arrival at {case.cause.service} x{ratio:.1f}"),
        Fact(source="api", text=f"its pods use {usage:.0%} of their CPU limit"),
    )
    if scaler is not None:
        return _raised(scaler, case.workload.key, replicas, facts, settings)
    key = case.workload.key
    return Proposal(
        change=Scale(
            target=key, replicas=replicas, replicas_before=before, boost_s=settings.boost_s
        ),
        undo=Scale(target=key, replicas=before, replicas_before=replicas),
        facts=facts,
        expected=f"{key} with {replicas} replicas serves what is asked of it",
        settling_s=settings.starting_s,
        cost=f"room for {replicas - before} more pods",
    )


def _raised(
    scaler: Scaler,
    key: WorkloadKey,
    replicas: int,
    facts: tuple[Fact, ...],
    settings: HealingSettings,
) -> Proposal | NotThis:
    """The way round: the autoscaler stays the master of the replicas, from a higher floor."""
    name = f"{scaler.kind} {scaler.name}"
    if scaler.steered_by is not None:
        reason = f"its replicas are set by {name}, which is steered by {scaler.steered_by}"
        return NotThis(strategy="set_floor", reason=reason)
    if (scaler.floor or 0) >= replicas:
        reason = f"{name} keeps at least {scaler.floor} replicas already"
        return NotThis(strategy="set_floor", reason=reason)
    change = SetFloor(
        target=key,
        scaler_kind=scaler.kind,
        scaler_name=scaler.name,
        scaler_uid=scaler.uid,
        floor=replicas,
        floor_before=scaler.floor,
        boost_s=settings.boost_s,
    )
    return Proposal(
        change=change,
        undo=replace(change, floor=scaler.floor, floor_before=replicas, boost_s=None),
        facts=facts,
        expected=f"{name} keeps {replicas} replicas of {key}, which serve what is asked of it",
        settling_s=settings.starting_s,
        cost=f"room for {replicas} pods as long as the floor is up",
    )
