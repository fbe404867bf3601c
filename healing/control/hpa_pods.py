"""Whose metrics count: the pods of a HorizontalPodAutoscaler in four groups.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go, groupPods (1.37).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """A pod as the API shows it. `is_ready` is None without a Ready condition."""

    name: str
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = "Running"
    is_deleted: bool = False
    is_ready: bool | None = True
    started_unix_ns: int | None = 0
    ready_changed_unix_ns: int = 0
    requests_milli: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """`unready` are the ones whose CPU is not believed; `missing` have no metric."""

    ready_count: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def group_pods(
    pods: Sequence[PodFacts],
    samples: Mapping[str, tuple[int, float]],
    *,
    is_cpu: bool,
    cpu_initialization_s: float,
    initial_readiness_s: float,
    now_unix_ns: int,
) -> Groups:
    """Sort pods into groups; `samples` gives time [unix ns] and window [s] by pod name."""
    ready_count = 0
    unready, missing, ignored = set(), set(), set()
    for pod in pods:
        if pod.is_deleted or pod.phase == "Failed":
            ignored.add(pod.name)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif pod.name not in samples:
            missing.add(pod.name)
        elif is_cpu and _is_unready(
            pod,
            samples[pod.name],
            initialization_ns=int(cpu_initialization_s * NS_PER_S),
            readiness_ns=int(initial_readiness_s * NS_PER_S),
            now_unix_ns=now_unix_ns,
        ):
            unready.add(pod.name)
        else:
            ready_count += 1
    return Groups(
        ready_count=ready_count,
        unready=frozenset(unready),
        missing=frozenset(missing),
        ignored=frozenset(ignored),
    )


def _is_unready(
    pod: PodFacts,
    sample: tuple[int, float],
    *,
    initialization_ns: int,
    readiness_ns: int,
    now_unix_ns: int,
) -> bool:
    if pod.is_ready is None or pod.started_unix_ns is None:
        return True
    if pod.started_unix_ns + initialization_ns > now_unix_ns:
        # start-up burns CPU: only a whole window after the last change of readiness is believed
        at_unix_ns, window_s = sample
        return not pod.is_ready or at_unix_ns < pod.ready_changed_unix_ns + int(window_s * NS_PER_S)
    never_ready = pod.started_unix_ns + readiness_ns > pod.ready_changed_unix_ns
    return not pod.is_ready and never_ready
