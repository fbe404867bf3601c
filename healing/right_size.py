"""Right-sizing of all workloads that are opted in: recommended always, changed never. Pure.

The cluster port tells use as a share of the limit, so recommendations are shares too. A new release
may have other limits: its history begins anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from healing.control.resource_manager import (
    Killed,
    ResourceManager,
    Sizing,
    SizingSettings,
    SizingState,
    Used,
)
from knowledge.cluster import ClusterReport, Pod, Workload
from knowledge.sizing import Sized

PERIOD_NS: Final = 60 * 10**9
LIMIT_CORES: Final = 10.0
LIMIT_BYTES: Final = 1e10
"""What a whole limit stands for in the histograms: buckets of a thousandth of it at first."""
MANAGER: Final = ResourceManager(
    SizingSettings(cores_min=0.0, bytes_min=0.0, cores_max=1e3, bytes_max=4 * LIMIT_BYTES)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is remembered of a workload's release; `restarts` by the uid of the pod."""

    revision: int
    sizing: SizingState
    restarts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RightSizeState:
    """What one look leaves for the next, by the workload's uid."""

    known: Mapping[str, _Known] = field(default_factory=dict)
    due_unix_ns: int = 0


def step(
    state: RightSizeState, cluster: ClusterReport | None, *, now_unix_ns: int
) -> tuple[RightSizeState, tuple[Sized, ...]]:
    """Look once a minute; between two looks there is nothing new to say."""
    if cluster is None or now_unix_ns < state.due_unix_ns:
        return state, ()
    known: dict[str, _Known] = {}
    sized = []
    for workload in cluster.workloads:
        if not workload.is_opted_in:
            continue
        one = _looked_at(
            state.known.get(workload.key.uid), workload, cluster, now_unix_ns=now_unix_ns
        )
        known[workload.key.uid] = one
        sized.append(_sized(workload, MANAGER.sizing(one.sizing)))
    return RightSizeState(known=known, due_unix_ns=now_unix_ns + PERIOD_NS), tuple(sized)


def _looked_at(
    known: _Known | None, workload: Workload, cluster: ClusterReport, *, now_unix_ns: int
) -> _Known:
    if known is None or known.revision != workload.revision:
        known = _Known(revision=workload.revision, sizing=MANAGER.beginning())
    sizing = known.sizing
    pods = [pod for pod in cluster.pods_of(workload.key) if pod.revision == workload.revision]
    for pod in pods:
        if _was_killed(pod, known.restarts):
            killed = Killed(limit_bytes=LIMIT_BYTES)
            sizing = MANAGER.taken(sizing, killed, now_unix_ns=now_unix_ns)
        used = Used(
            cores=_times(pod.cpu_ratio, LIMIT_CORES),
            memory_bytes=_times(pod.memory_ratio, LIMIT_BYTES),
        )
        sizing = MANAGER.taken(sizing, used, now_unix_ns=now_unix_ns)
    restarts = {pod.uid: pod.restart_count for pod in pods}
    return replace(known, sizing=sizing, restarts=restarts)


def _was_killed(pod: Pod, restarts: Mapping[str, int]) -> bool:
    return pod.oom_killed and pod.restart_count > restarts.get(pod.uid, 0)


def _times(ratio: float | None, limit: float) -> float | None:
    return None if ratio is None else max(ratio, 0.0) * limit


def _sized(workload: Workload, sizing: Sizing) -> Sized:
    cores, memory = sizing.cores, sizing.memory_bytes
    return Sized(
        workload=str(workload.key),
        cpu_target=_share(cores.target, LIMIT_CORES) if cores else None,
        cpu_upper=_share(cores.upper, LIMIT_CORES) if cores else None,
        memory_target=_share(memory.target, LIMIT_BYTES) if memory else None,
        memory_upper=_share(memory.upper, LIMIT_BYTES) if memory else None,
        confidence_days=round(sizing.confidence_days, 4),
    )


def _share(value: float, limit: float) -> float:
    return round(value / limit, 4)
