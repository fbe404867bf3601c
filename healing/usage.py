"""What pods use of their limits, by the cluster's word: one reading of it for all who decide."""

from collections.abc import Iterable
from typing import Final

from knowledge.cluster import ClusterReport, Pod, Scale
from knowledge.identity import WorkloadKey

MEMORY_AT_LIMIT: Final = 0.9


def cpu_of(cluster: ClusterReport, target: WorkloadKey) -> float | None:
    """Return the mean CPU share of the ready pods that report one; None where none does."""
    used = [pod.cpu_ratio for pod in cluster.pods_of(target) if pod.ready]
    known = [usage for usage in used if usage is not None]
    return sum(known) / len(known) if known else None


def full_pods(pods: Iterable[Pod]) -> frozenset[str]:
    """Return the uids of the pods that are at their memory limit."""
    return frozenset(pod.uid for pod in pods if (pod.memory_ratio or 0.0) >= MEMORY_AT_LIMIT)


def cpu_with(change: Scale, cluster: ClusterReport) -> float | None:
    """Return the CPU share that the pods would use after `change`; None where it is not known.

    It is only known where that of each pod is: what one pod hides the others would have to do.
    """
    used = [pod.cpu_ratio for pod in cluster.pods_of(change.target)]
    known = [usage for usage in used if usage is not None]
    if len(known) < max(len(used), change.replicas_before) or not change.replicas:
        return None
    return sum(known) / change.replicas
