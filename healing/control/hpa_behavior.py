"""How fast a HorizontalPodAutoscaler may move: stabilisation, policies, limits.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal.go (1.37), and the defaults
of pkg/apis/autoscaling/v2/defaults.go.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

NS_PER_S: Final = 1_000_000_000
DOWNSCALE_STABILIZATION_S: Final = 300.0
"""The controller's flag --horizontal-pod-autoscaler-downscale-stabilization."""
_SCALE_UP_FACTOR: Final = 2.0
_SCALE_UP_MIN: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicy:
    """At most so many pods, or so many percent, in any `period_s`."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRules:
    """The rules of one direction. `select`: the policy that allows the most, or the least."""

    stabilization_s: float
    policies: tuple[ScalingPolicy, ...]
    select: Literal["Max", "Min", "Disabled"] = "Max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """Both directions; the defaults are those of the API when a behaviour is given at all."""

    up: ScalingRules = ScalingRules(
        stabilization_s=0.0,
        policies=(
            ScalingPolicy(kind="Pods", value=4, period_s=15.0),
            ScalingPolicy(kind="Percent", value=100, period_s=15.0),
        ),
    )
    down: ScalingRules = ScalingRules(
        stabilization_s=DOWNSCALE_STABILIZATION_S,
        policies=(ScalingPolicy(kind="Percent", value=100, period_s=15.0),),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A count at a time: a recommendation, or a change that was made."""

    count: int
    at_unix_ns: int


def stabilized(
    recommendations: Sequence[Moment],
    *,
    wanted: int,
    current: int,
    behavior: Behavior | None,
    downscale_stabilization_s: float,
    now_unix_ns: int,
) -> int:
    """Return `wanted` held back by what was recommended within the windows."""
    if behavior is None:
        since = now_unix_ns - int(downscale_stabilization_s * NS_PER_S)
        return max([wanted, *(r.count for r in recommendations if r.at_unix_ns >= since)])
    up_since = now_unix_ns - int(behavior.up.stabilization_s * NS_PER_S)
    down_since = now_unix_ns - int(behavior.down.stabilization_s * NS_PER_S)
    lowest = min([wanted, *(r.count for r in recommendations if r.at_unix_ns > up_since)])
    highest = max([wanted, *(r.count for r in recommendations if r.at_unix_ns > down_since)])
    return min(max(current, lowest), highest)


def limited(
    *,
    wanted: int,
    current: int,
    replicas_min: int,
    replicas_max: int,
    behavior: Behavior | None,
    raised: Sequence[Moment],
    lowered: Sequence[Moment],
    now_unix_ns: int,
) -> int:
    """Return `wanted` within the rate limits and the bounds."""
    if behavior is None:
        ceiling = int(max(_SCALE_UP_FACTOR * current, _SCALE_UP_MIN))
        return max(min(wanted, replicas_max, ceiling), replicas_min)
    if wanted > current:
        limit = _up_limit(current, behavior.up, raised, lowered, now_unix_ns)
        return min(wanted, replicas_max, max(limit, current))
    if wanted < current:
        limit = _down_limit(current, behavior.down, raised, lowered, now_unix_ns)
        return max(wanted, replicas_min, min(limit, current))
    return wanted


def _changed(moments: Sequence[Moment], period_s: float, now_unix_ns: int) -> int:
    since = now_unix_ns - int(period_s * NS_PER_S)
    return sum(moment.count for moment in moments if moment.at_unix_ns > since)


def _up_limit(
    current: int,
    rules: ScalingRules,
    raised: Sequence[Moment],
    lowered: Sequence[Moment],
    now_unix_ns: int,
) -> int:
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        start = current - _changed(raised, policy.period_s, now_unix_ns)
        start += _changed(lowered, policy.period_s, now_unix_ns)
        if policy.kind == "Pods":
            limits.append(start + policy.value)
        else:
            limits.append(math.ceil(start * (1 + policy.value / 100)))
    return min(limits) if rules.select == "Min" else max(limits)


def _down_limit(
    current: int,
    rules: ScalingRules,
    raised: Sequence[Moment],
    lowered: Sequence[Moment],
    now_unix_ns: int,
) -> int:
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        start = current - _changed(raised, policy.period_s, now_unix_ns)
        start += _changed(lowered, policy.period_s, now_unix_ns)
        if policy.kind == "Pods":
            limits.append(start - policy.value)
        else:
            limits.append(int(start * (1 - policy.value / 100)))
    return max(limits) if rules.select == "Min" else min(limits)
