"""Scale down: room that was added is not needed any more, or its time is over.

Never below what was there before it was added, never by more than the largest step up, and never
where fewer pods would be full: a boost whose cause lasts stays, and is looked at again.
"""

from dataclasses import replace
from math import ceil

from healing.settings import HealingSettings
from healing.strategies.proposal import NotThis
from healing.usage import cpu_with
from knowledge.boosts import end_of
from knowledge.cluster import Boost, ClusterReport, Scale, SetFloor, Workload


def propose_scale_down(
    workload: Workload,
    boost: Boost,
    cluster: ClusterReport,
    settings: HealingSettings,
    *,
    now_unix_ns: int,
) -> Scale | SetFloor | NotThis:
    """Return the change that ends `boost` now, or why it stays."""
    change = end_of(boost, workload)
    if change is None:
        return _not_this("what was added is somebody else's by now")
    is_expired = now_unix_ns >= boost.expires_unix_ns
    if not is_expired and now_unix_ns < boost.since_unix_ns + int(settings.boost_hold_s * 1e9):
        return _not_this("the room was added just now")
    if isinstance(change, SetFloor):
        # its autoscaler keeps what is needed, by its own figures
        return change if is_expired else _not_this("the floor's time is not over yet")
    step = max(change.replicas, ceil(boost.after / settings.scale_factor_max))
    change = replace(change, replicas=step)  # what is left of the boost keeps its time
    usage = cpu_with(change, cluster)
    limit = settings.scale_usage_min if is_expired else settings.scale_usage_target
    if usage is None:
        return _not_this("the cluster reports no CPU usage of its pods")
    if usage > limit:
        return _not_this(f"{change.replicas} pods would use {usage:.0%} of their CPU limit")
    return change


def _not_this(reason: str) -> NotThis:
    return NotThis(strategy="scale_down", reason=reason)
