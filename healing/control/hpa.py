"""The Kubernetes HorizontalPodAutoscaler (autoscaling/v2), exactly.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal.go, reconcileAutoscaler
(1.37). The order is the source's: bounds on the present count, each metric's proposal, the largest
of them, stabilisation, rate limits, bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from healing.control.hpa_behavior import (
    DOWNSCALE_STABILIZATION_S,
    NS_PER_S,
    Behavior,
    Moment,
    limited,
    stabilized,
)
from healing.control.hpa_metrics import MetricError, Reading, Timing, Tolerance, wanted_replicas
from healing.control.hpa_pods import PodFacts

SYNC_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaSettings:
    """The object's spec, and the flags of its controller."""

    replicas_min: int = 1
    replicas_max: int
    behavior: Behavior | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    timing: Timing = field(default_factory=Timing)
    downscale_stabilization_s: float = DOWNSCALE_STABILIZATION_S  # where there is no behaviour

    def __post_init__(self) -> None:
        if not 0 <= self.replicas_min <= self.replicas_max:
            raise ValueError(
                f"replicas_min {self.replicas_min} and replicas_max {self.replicas_max}: "
                "expected 0 <= min <= max"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaInput:
    """What one sync sees: wanted and reported replicas, pods, and each metric's reading."""

    replicas: int
    status_replicas: int
    pods: Sequence[PodFacts]
    readings: Sequence[Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaState:
    """What one sync leaves for the next."""

    recommendations: tuple[Moment, ...] = ()
    raised: tuple[Moment, ...] = ()
    lowered: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HpaDecision:
    """The count to have, whether scaling is possible at all, and why it is this count."""

    replicas: int
    is_active: bool
    reason: str
    proposals: tuple[int | str, ...] = ()  # per metric: a count, or why there is none


class Hpa:
    """One HorizontalPodAutoscaler."""

    def __init__(self, settings: HpaSettings) -> None:
        self._settings = settings

    def step(
        self, state: HpaState, seen: HpaInput, *, now_unix_ns: int
    ) -> tuple[HpaState, HpaDecision]:
        """Do one sync."""
        settings, current = self._settings, seen.replicas
        if not state.recommendations:
            first = Moment(count=current, at_unix_ns=now_unix_ns)
            state = replace(state, recommendations=(first,))
        if current == 0 and settings.replicas_min > 0:
            return state, HpaDecision(
                replicas=0, is_active=False, reason="scaled to 0 by somebody: autoscaling is off"
            )
        if current > settings.replicas_max:
            return self._moved(
                state, current, settings.replicas_max, "above replicas_max", now_unix_ns
            )
        if current < settings.replicas_min:
            return self._moved(
                state, current, settings.replicas_min, "below replicas_min", now_unix_ns
            )
        proposals = self._proposals(seen, now_unix_ns)
        counts = [p for p in proposals if isinstance(p, int)]
        best = max(counts, default=0)
        if len(counts) < len(proposals) and (not counts or best < current):
            error = next(p for p in proposals if isinstance(p, str))
            reason = f"{len(proposals) - len(counts)} of {len(proposals)} metrics invalid: {error}"
            return state, HpaDecision(
                replicas=current, is_active=False, reason=reason, proposals=proposals
            )
        return self._normalised(state, current, best, proposals, now_unix_ns)

    def _proposals(self, seen: HpaInput, now_unix_ns: int) -> tuple[int | str, ...]:
        proposals: list[int | str] = []
        for reading in seen.readings:
            try:
                count = wanted_replicas(
                    reading,
                    seen.pods,
                    replicas=seen.replicas,
                    status_replicas=seen.status_replicas,
                    tolerance=self._settings.tolerance,
                    timing=self._settings.timing,
                    now_unix_ns=now_unix_ns,
                )
            except MetricError as error:
                proposals.append(str(error))
            else:
                proposals.append(count)
        return tuple(proposals)

    def _normalised(
        self,
        state: HpaState,
        current: int,
        wanted: int,
        proposals: tuple[int | str, ...],
        now_unix_ns: int,
    ) -> tuple[HpaState, HpaDecision]:
        settings = self._settings
        held = stabilized(
            state.recommendations,
            wanted=wanted,
            current=current,
            behavior=settings.behavior,
            downscale_stabilization_s=settings.downscale_stabilization_s,
            now_unix_ns=now_unix_ns,
        )
        recommendation = Moment(count=wanted, at_unix_ns=now_unix_ns)
        state = replace(
            state,
            recommendations=self._recent(
                (*state.recommendations, recommendation), self._memory_s(), now_unix_ns
            ),
        )
        count = limited(
            wanted=held,
            current=current,
            replicas_min=settings.replicas_min,
            replicas_max=settings.replicas_max,
            behavior=settings.behavior,
            raised=state.raised,
            lowered=state.lowered,
            now_unix_ns=now_unix_ns,
        )
        reason = f"metrics ask for {wanted}"
        if held != wanted:
            reason += f", stabilised to {held}"
        if count != held:
            reason += f", limited to {count}"
        state, decision = self._moved(state, current, count, reason, now_unix_ns)
        return state, replace(decision, proposals=proposals)

    def _moved(
        self, state: HpaState, current: int, count: int, reason: str, now_unix_ns: int
    ) -> tuple[HpaState, HpaDecision]:
        """The decision, and the change remembered for the rate limits."""
        decision = HpaDecision(replicas=count, is_active=True, reason=reason)
        behavior = self._settings.behavior
        if count == current or behavior is None:
            return state, decision
        change = Moment(count=abs(count - current), at_unix_ns=now_unix_ns)
        policies = (*behavior.up.policies, *behavior.down.policies)
        memory_s = max((policy.period_s for policy in policies), default=0.0)
        if count > current:
            raised = self._recent((*state.raised, change), memory_s, now_unix_ns)
            return replace(state, raised=raised), decision
        lowered = self._recent((*state.lowered, change), memory_s, now_unix_ns)
        return replace(state, lowered=lowered), decision

    def _memory_s(self) -> float:
        behavior = self._settings.behavior
        if behavior is None:
            return self._settings.downscale_stabilization_s
        return max(behavior.up.stabilization_s, behavior.down.stabilization_s)

    @staticmethod
    def _recent(
        moments: tuple[Moment, ...], memory_s: float, now_unix_ns: int
    ) -> tuple[Moment, ...]:
        """Drop what no window reaches; the last one stays: it was not the first sync."""
        since = now_unix_ns - int(memory_s * NS_PER_S)
        return tuple(m for m in moments[:-1] if m.at_unix_ns >= since) + moments[-1:]
