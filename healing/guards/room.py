"""Is there room: for the pods that are to be added, and to lose those that are to be replaced?"""

from typing import Final

import polars as pl

from healing.guards.asked import Asked, Guard
from healing.usage import cpu_of
from knowledge.cluster import Change, ClusterReport, Scale, SetFloor, Workload
from knowledge.identity import WorkloadKey

SURGE: Final = 1
"""Pods that a rolling update replaces at a time, where nobody chose otherwise."""


def headroom(asked: Asked) -> str | None:
    """Quota and nodes have room for the pods that are to be added; unknown counts as room.

    Where the adapter cannot tell, the server's own dry run refuses what a quota forbids, pods that
    find no node leave the change unsettled, and an unsettled change is never called a success.
    """
    change, workload = asked.change, asked.workload
    if workload is None or workload.room is None:
        return None
    more = _wanted(change) - workload.replicas
    if more <= workload.room:
        return None
    return f"{more} more pods of {workload.key} are wanted, there is room for {workload.room}"


def callees_bear_more(asked: Asked) -> str | None:
    """Nothing that the target calls is at its limit: more callers would only push it over."""
    workload, cluster = asked.workload, asked.situation.cluster
    if workload is None or cluster is None or asked.is_undo:
        return None
    if _wanted(asked.change) <= workload.replicas:
        return None
    limit = asked.settings.scale_usage_min
    for callee in _callees(asked, cluster):
        usage = cpu_of(cluster, callee.key)
        if usage is not None and usage >= limit:
            return f"{callee.key}, which it calls, uses {usage:.0%} of its CPU limit itself"
    return None


def few_unavailable(asked: Asked) -> str | None:
    """With the pod that is to be replaced, not too many are unavailable at once.

    Whatever the reason: pods that are ill, or in a rollout of somebody else's, are as unavailable
    as those that we take away. The target's own are what is to be cured.
    """
    cluster = asked.situation.cluster
    if asked.change.kind in {"scale", "set_floor"} or asked.is_undo or cluster is None:
        return None
    opted_in = [w for w in cluster.workloads if w.is_opted_in]
    others = [w for w in opted_in if not w.key.same_name(asked.change.target)]
    missing = sum(max(0, w.replicas - w.ready_replicas) for w in others)
    limit = max(
        asked.settings.unavailable_count_min,
        int(asked.settings.unavailable_ratio_max * sum(w.replicas for w in opted_in)),
    )
    if missing + SURGE <= limit:
        return None
    return f"{missing} pods of other workloads are unavailable, and {limit} may be, ours included"


def _wanted(change: Change) -> int:
    """The replicas that a change asks for; 0 where it asks for none."""
    match change:
        case Scale():
            return change.replicas
        case SetFloor():
            return change.floor or 0
        case _:
            return 0


def _callees(asked: Asked, cluster: ClusterReport) -> list[Workload]:
    """The workloads that the target calls, by the pods that served its calls."""
    tables, target = asked.situation.tables, asked.change.target
    own = {pod.uid for pod in cluster.pods_of(target)}
    of_target = tables.instances.filter(pl.col("pod_uid").is_in(list(own)))
    keys = ["namespace", "service"]
    callers = of_target.select(caller_namespace="namespace", caller="service").unique()
    called = (
        tables.edges.join(callers, on=["caller_namespace", "caller"])
        .select(namespace="callee_namespace", service="callee")
        .unique()
    )
    uids = set(tables.instances.join(called, on=keys)["pod_uid"].to_list())
    found: set[WorkloadKey] = {pod.workload for pod in cluster.pods if pod.uid in uids}
    return [w for w in cluster.workloads if w.key in found and w.key != target]


ROOM: Final[tuple[Guard, ...]] = (headroom, callees_bear_more, few_unavailable)
