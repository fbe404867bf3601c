"""Scale down: room that was added is not needed any more, or its time is over.

Never below what was there before it was added, and never where fewer pods would be full: a boost
whose cause lasts stays, and is looked at again.
"""

from healing.settings import HealingSettings
from healing.strategies.proposal import NotThis
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
    usage = usage_with(change, cluster)
    limit = settings.scale_usage_min if is_expired else settings.scale_usage_target
    if usage is None:
        return _not_this("the cluster reports no CPU usage of its pods")
    if usage > limit:
        return _not_this(f"{change.replicas} pods would use {usage:.0%} of their CPU limit")
    return change


def usage_with(change: Scale, cluster: ClusterReport) -> float | None:
    """Return the CPU share that the pods would use after `change`; None where it is not known.

    It is only known where that of each pod is: what one pod hides the others would have to do.
    """
    used = [pod.cpu_ratio for pod in cluster.pods_of(change.target)]
    known = [usage for usage in used if usage is not None]
    if len(known) < max(len(used), change.replicas_before) or not change.replicas:
        return None
    return sum(known) / change.replicas


def _not_this(reason: str) -> NotThis:
    return NotThis(strategy="scale_down", reason=reason)
