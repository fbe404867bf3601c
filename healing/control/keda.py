"""KEDA's ScaledObject on one external metric: between none and one by itself, above by an HPA.

Source: keda.sh/docs/2.17/reference/scaledobject-spec and concepts/scaling-deployments: KEDA polls
each `pollingInterval` and only decides between `minReplicaCount` 0 and 1; from 1 on the
HorizontalPodAutoscaler that it made decides each sync. The step to none waits for `cooldownPeriod`
after the metric was last active and knows no scaling policy. Fallback is not modelled: a metric
that cannot be read changes nothing.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from healing.control.hpa import SYNC_S, Hpa, HpaInput, HpaSettings, HpaState
from healing.control.hpa_behavior import Behavior
from healing.control.hpa_metrics import OutsideAverage, Reading

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KedaSettings:
    """The spec. `threshold`: of the metric, per replica; active is what is above `activation`."""

    threshold: float
    activation: float = 0.0
    replicas_min: int = 0
    replicas_max: int = 100
    idle_replicas: int | None = None  # in the place of `replicas_min` while nothing is active
    polling_s: float = 30.0
    cooldown_s: float = 300.0
    behavior: Behavior | None = None

    def __post_init__(self) -> None:
        if self.threshold <= 0.0:
            raise ValueError(f"threshold {self.threshold}: expected more than 0")
        if self.idle_replicas is not None and not 0 <= self.idle_replicas < self.replicas_min:
            raise ValueError(
                f"idle_replicas {self.idle_replicas} and replicas_min {self.replicas_min}: "
                "expected 0 <= idle < min"
            )

    @property
    def asleep(self) -> int | None:
        """Replicas while nothing is active; None: it always stays awake."""
        if self.idle_replicas is not None:
            return self.idle_replicas
        return 0 if self.replicas_min == 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class KedaState:
    """What one step leaves for the next. Times are None before the first of their kind."""

    hpa: HpaState = field(default_factory=HpaState)
    polled_unix_ns: int | None = None
    synced_unix_ns: int | None = None
    active_unix_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KedaDecision:
    """The count to have, and who says so."""

    replicas: int
    reason: str


class Keda:
    """One ScaledObject; asked often, it acts at its own periods."""

    def __init__(self, settings: KedaSettings) -> None:
        self._settings = settings
        self._hpa = Hpa(
            HpaSettings(
                replicas_min=max(settings.replicas_min, 1),
                replicas_max=settings.replicas_max,
                behavior=settings.behavior,
            )
        )

    def step(
        self, state: KedaState, metric: float | None, replicas: int, *, now_unix_ns: int
    ) -> tuple[KedaState, KedaDecision]:
        """Decide once; `metric` None cannot be read."""
        if metric is not None and _is_due(
            state.polled_unix_ns, self._settings.polling_s, now_unix_ns
        ):
            state = replace(state, polled_unix_ns=now_unix_ns)
            state, decision = self._polled(state, metric, replicas, now_unix_ns)
            if decision is not None:
                return state, decision
        asleep = self._settings.asleep
        if replicas == 0 or (asleep is not None and replicas == asleep):
            return state, KedaDecision(replicas=replicas, reason="asleep")
        if not _is_due(state.synced_unix_ns, SYNC_S, now_unix_ns):
            return state, KedaDecision(replicas=replicas, reason="between two syncs")
        return self._synced(state, metric, replicas, now_unix_ns)

    def _polled(
        self, state: KedaState, metric: float, replicas: int, now_unix_ns: int
    ) -> tuple[KedaState, KedaDecision | None]:
        """Activation: from none to one, and back when nothing was active for long enough."""
        settings, asleep = self._settings, self._settings.asleep
        if metric > settings.activation:
            state = replace(state, active_unix_ns=now_unix_ns)
            if asleep is not None and replicas <= asleep:
                awake = max(settings.replicas_min, 1)
                return state, KedaDecision(replicas=awake, reason="the metric is active")
            return state, None
        since = state.active_unix_ns
        is_over = since is None or now_unix_ns - since > settings.cooldown_s * NS_PER_S
        if asleep is None or replicas <= asleep or not is_over:
            return state, None
        reason = f"nothing was active for {settings.cooldown_s:.0f} s"
        return state, KedaDecision(replicas=asleep, reason=reason)

    def _synced(
        self, state: KedaState, metric: float | None, replicas: int, now_unix_ns: int
    ) -> tuple[KedaState, KedaDecision]:
        target = OutsideAverage(value_milli=round(1000.0 * self._settings.threshold))
        reading = (
            Reading(target=target, error="the metric cannot be read")
            if metric is None
            else Reading(target=target, outside_milli=round(1000.0 * metric))
        )
        seen = HpaInput(replicas=replicas, status_replicas=replicas, pods=(), readings=[reading])
        hpa, found = self._hpa.step(state.hpa, seen, now_unix_ns=now_unix_ns)
        state = replace(state, hpa=hpa, synced_unix_ns=now_unix_ns)
        return state, KedaDecision(replicas=found.replicas, reason=found.reason)


def _is_due(last_unix_ns: int | None, period_s: float, now_unix_ns: int) -> bool:
    return last_unix_ns is None or now_unix_ns - last_unix_ns >= period_s * NS_PER_S
