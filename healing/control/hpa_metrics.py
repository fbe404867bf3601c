"""How many replicas one metric asks for, as the Kubernetes HorizontalPodAutoscaler computes it.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go and
metrics/utilization.go (1.37). Values are whole milli-units, as there: utilisation and means are cut
to whole numbers before the ratio is taken, and that decides cases at the edge of the tolerance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from healing.control.hpa_pods import Groups, PodFacts, group_pods

PERCENT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far the ratio of use to target may be off, each way, without a change."""

    up: float = 0.1
    down: float = 0.1

    def holds(self, ratio: float) -> bool:
        """Whether a ratio is near enough to one."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """Target: average use of CPU or memory, in percent of what the pods request."""

    kind: Literal["utilization"] = "utilization"
    resource: Literal["cpu", "memory"]
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PodsAverage:
    """Target: average per pod, in milli-units, of a resource or (`resource` "") of a metric."""

    kind: Literal["pods_average"] = "pods_average"
    resource: Literal["cpu", "memory", ""] = ""
    value_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideValue:
    """Target: the whole value of an Object or External metric, in milli-units."""

    kind: Literal["outside_value"] = "outside_value"
    value_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideAverage:
    """Target: an Object or External metric divided by the replicas, in milli-units."""

    kind: Literal["outside_average"] = "outside_average"
    value_milli: int


Target = Utilization | PodsAverage | OutsideValue | OutsideAverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A pod's metric: milli-units, when it was taken, and over which window."""

    value_milli: int
    at_unix_ns: int
    window_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the metrics API answered for one target; `error` where it did not.

    `samples` by pod name for targets on pods, `outside_milli` for those outside of them.
    """

    target: Target
    samples: Mapping[str, Sample] | None = None
    outside_milli: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a pod's CPU is believed: the controller's flags."""

    cpu_initialization_s: float = 300.0
    initial_readiness_s: float = 30.0


class MetricError(Exception):
    """No count can be computed from a metric; the text is what the HPA's condition would say."""


def wanted_replicas(
    reading: Reading,
    pods: Sequence[PodFacts],
    *,
    replicas: int,
    status_replicas: int,
    tolerance: Tolerance,
    timing: Timing,
    now_unix_ns: int,
) -> int:
    """Return the replicas that one metric asks for.

    `replicas` is what is wanted now (spec), `status_replicas` what the workload reports to have.

    Raises:
        MetricError: the metric, a request, or all pods are missing.
    """
    if reading.error:
        raise MetricError(reading.error)
    match reading.target:
        case Utilization() | PodsAverage():
            return _of_pods(
                reading, pods, replicas, tolerance, timing=timing, now_unix_ns=now_unix_ns
            )
        case OutsideValue(value_milli=target):
            return _of_value(_outside(reading) / target, pods, replicas, tolerance)
        case OutsideAverage(value_milli=target):
            total = _outside(reading)
            if status_replicas and tolerance.holds(total / (target * status_replicas)):
                return status_replicas
            return math.ceil(total / target)


def _outside(reading: Reading) -> int:
    if reading.outside_milli is None:
        raise MetricError("no metrics returned from the metrics API")
    return reading.outside_milli


def _of_value(ratio: float, pods: Sequence[PodFacts], replicas: int, tolerance: Tolerance) -> int:
    if replicas == 0:
        return math.ceil(ratio)
    if tolerance.holds(ratio):
        return replicas
    running = sum(pod.phase == "Running" and pod.is_ready is True for pod in pods)
    return math.ceil(ratio * running)


def _of_pods(
    reading: Reading,
    pods: Sequence[PodFacts],
    replicas: int,
    tolerance: Tolerance,
    *,
    timing: Timing,
    now_unix_ns: int,
) -> int:
    target, samples = reading.target, reading.samples or {}
    assert isinstance(target, Utilization | PodsAverage)
    if not pods:
        raise MetricError("no pods returned by selector while calculating replica count")
    groups = group_pods(
        pods,
        {name: (sample.at_unix_ns, sample.window_s) for name, sample in samples.items()},
        is_cpu=target.resource == "cpu",
        cpu_initialization_s=timing.cpu_initialization_s,
        initial_readiness_s=timing.initial_readiness_s,
        now_unix_ns=now_unix_ns,
    )
    left_out = groups.ignored | groups.unready
    used = {name: s.value_milli for name, s in samples.items() if name not in left_out}
    if not used:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    scale = _scale(target, pods)
    return _counted(scale, used, groups, replicas, tolerance)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """How use becomes a ratio: against requests in percent, or against a value."""

    target: int
    requests_milli: Mapping[str, int] | None

    def ratio(self, used: Mapping[str, int]) -> float:
        if self.requests_milli is None:
            return _whole(sum(used.values()), len(used)) / self.target
        known = [name for name in used if name in self.requests_milli]
        requested = sum(self.requests_milli[name] for name in known)
        if not requested:
            raise MetricError("no metrics returned matched known pods")
        return _whole(sum(used[name] for name in known) * PERCENT, requested) / self.target

    def when_missing(self, pod: str) -> int:
        """What a pod without a metric is taken to use when the others use too little."""
        if self.requests_milli is None:
            return self.target
        return _whole(self.requests_milli[pod] * max(PERCENT, self.target), PERCENT)


def _whole(number: int, by: int) -> int:
    """Integer division as Go does it: towards zero."""
    return int(number / by) if number < 0 else number // by


def _scale(target: Utilization | PodsAverage, pods: Sequence[PodFacts]) -> _Scale:
    if isinstance(target, PodsAverage):
        return _Scale(target=target.value_milli, requests_milli=None)
    requests: dict[str, int] = {}
    for pod in pods:
        request = pod.requests_milli.get(target.resource)
        if request is None:
            raise MetricError(f"missing request for {target.resource} in pod {pod.name}")
        requests[pod.name] = request
    return _Scale(target=target.percent, requests_milli=requests)


def _counted(
    scale: _Scale, used: dict[str, int], groups: Groups, replicas: int, tolerance: Tolerance
) -> int:
    ratio = scale.ratio(used)
    rebalance = bool(groups.unready) and ratio > 1.0
    if not rebalance and not groups.missing:
        return replicas if tolerance.holds(ratio) else math.ceil(ratio * groups.ready_count)
    for name in groups.missing:
        if ratio < 1.0:
            used[name] = scale.when_missing(name)
        elif ratio > 1.0:
            used[name] = 0
    if rebalance:
        used.update(dict.fromkeys(groups.unready, 0))
    again = scale.ratio(used)
    if tolerance.holds(again) or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return replicas
    count = math.ceil(again * len(used))
    if (again < 1.0 and count > replicas) or (again > 1.0 and count < replicas):
        return replicas
    return count
