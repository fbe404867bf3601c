"""Autoscalers as policies of a run of the twin: those of the house, and their opponents.

What each may know is what it could know in a cluster. HPA reads metrics-server: CPU averaged over
30 s that is 15 s old when it is read. Its rival on requests a second (an External metric) and KEDA
have the same window and age. Ours reads spans of the last 5 s that are 5 s old, and decides each
5 s.
"""

from dataclasses import replace
from typing import Final

from healing.control.hpa import Hpa, HpaInput, HpaSettings, HpaState
from healing.control.hpa_metrics import OutsideAverage, Reading, Sample, Utilization
from healing.control.hpa_pods import PodFacts
from healing.control.keda import Keda, KedaSettings, KedaState
from healing.control.pid_autoscaler import (
    PidAutoscaler,
    PidScalerInput,
    PidScalerSettings,
    PidScalerState,
)
from healing.control.slo_autoscaler import SloAutoscaler, SloInput, SloSettings, SloState
from twin.scaling.pod_models import PodModel
from twin.scaling.run import PodAge, Signals

NS_PER_S: Final = 1_000_000_000
METRIC_WINDOW_S: Final = 30
METRIC_LAG_S: Final = 15
SPAN_WINDOW_S: Final = 5
SPAN_LAG_S: Final = 5
REQUEST_MILLI: Final = 1000


class Fixed:
    """No autoscaler: the same replicas all the time."""

    period_s = 15

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas

    def decide(self, signals: Signals) -> int:
        """Stay."""
        del signals
        return self._replicas


class KedaRps:
    """A ScaledObject on requests a second."""

    period_s = 5

    def __init__(self, settings: KedaSettings) -> None:
        self._keda = Keda(settings)
        self._state = KedaState()

    def decide(self, signals: Signals) -> int:
        """One look; a rate of nothing is zero to it."""
        rate = signals.arrivals_per_s(METRIC_WINDOW_S, METRIC_LAG_S) or 0.0
        self._state, decision = self._keda.step(
            self._state, rate, signals.replicas, now_unix_ns=signals.now_s * NS_PER_S
        )
        return decision.replicas


class HpaCpu:
    """HPA on CPU utilisation."""

    period_s = 15

    def __init__(self, model: PodModel, percent: int = 70) -> None:
        self._model = model
        self._target = Utilization(resource="cpu", percent=percent)
        self._hpa = Hpa(
            HpaSettings(replicas_min=model.replicas_min, replicas_max=model.replicas_max)
        )
        self._state = HpaState()

    def decide(self, signals: Signals) -> int:
        """One sync."""
        busy = signals.busy_workers(METRIC_WINDOW_S, METRIC_LAG_S) / self._model.workers
        at_s = signals.now_s - METRIC_LAG_S
        ready_then = [i for i, pod in enumerate(signals.pods) if pod.ready_s <= at_s]
        share = int(REQUEST_MILLI * min(busy / max(len(ready_then), 1), 1.0))
        samples = {
            str(index): Sample(value_milli=share, at_unix_ns=at_s * NS_PER_S)
            for index in ready_then
        }
        seen = HpaInput(
            replicas=signals.replicas,
            status_replicas=len(signals.pods),
            pods=[_facts(str(i), pod, signals.now_s) for i, pod in enumerate(signals.pods)],
            readings=[Reading(target=self._target, samples=samples)],
        )
        self._state, decision = self._hpa.step(
            self._state, seen, now_unix_ns=signals.now_s * NS_PER_S
        )
        return decision.replicas


def _facts(name: str, pod: PodAge, now_s: int) -> PodFacts:
    is_ready = pod.ready_s <= now_s
    changed_s = pod.ready_s if is_ready else pod.created_s
    return PodFacts(
        name=name,
        is_ready=is_ready,
        started_unix_ns=pod.created_s * NS_PER_S,
        ready_changed_unix_ns=changed_s * NS_PER_S,
        requests_milli={"cpu": REQUEST_MILLI},
    )


class HpaRps:
    """HPA on an External metric: requests a second, so many per pod."""

    period_s = 15

    def __init__(self, model: PodModel, percent: int = 70) -> None:
        target = OutsideAverage(value_milli=int(model.requests_per_s_max * 10 * percent))
        self._target = target
        self._hpa = Hpa(
            HpaSettings(replicas_min=model.replicas_min, replicas_max=model.replicas_max)
        )
        self._state = HpaState()

    def decide(self, signals: Signals) -> int:
        """One sync; a rate of nothing is zero to it."""
        rate = signals.arrivals_per_s(METRIC_WINDOW_S, METRIC_LAG_S) or 0.0
        reading = Reading(target=self._target, outside_milli=int(rate * 1000))
        seen = HpaInput(
            replicas=signals.replicas,
            status_replicas=len(signals.pods),
            pods=(),
            readings=[reading],
        )
        self._state, decision = self._hpa.step(
            self._state, seen, now_unix_ns=signals.now_s * NS_PER_S
        )
        return decision.replicas


def slo_settings(model: PodModel) -> SloSettings:
    """The autoscaler's settings for a service with these pods; the rest are its defaults."""
    return SloSettings(
        limit_ms=model.slo_ms,
        late_ratio_max=1.0 - model.slo_ratio,
        replicas_min=model.replicas_min,
        replicas_max=model.replicas_max,
        workers_per_pod=model.workers,
        startup_s=float(model.startup_s),
    )


class Slo:
    """Our autoscaler for the latency that was promised."""

    period_s = 5

    def __init__(self, model: PodModel, **changed: float) -> None:
        self.settings = replace(slo_settings(model), **changed)  # type: ignore[arg-type]
        self._autoscaler = SloAutoscaler(self.settings)
        self.state = SloState()

    def decide(self, signals: Signals) -> int:
        """One step."""
        return self.decide_with(signals, None)

    def decide_with(self, signals: Signals, margin: float | None) -> int:
        """One step with a margin of somebody's choice."""
        seen = SloInput(
            replicas=signals.replicas,
            ready_count=signals.ready_count,
            arrivals_per_s=signals.arrivals_per_s(SPAN_WINDOW_S, SPAN_LAG_S),
            sojourn_ms_mean=signals.sojourn_ms_mean(SPAN_WINDOW_S, SPAN_LAG_S),
            latency_ms_p99=signals.latency_ms_p99(METRIC_WINDOW_S, SPAN_LAG_S),
            margin=margin,
        )
        self.state, decision = self._autoscaler.step(
            self.state, seen, now_unix_ns=signals.now_s * NS_PER_S
        )
        return decision.replicas


class PidCpu:
    """Our PID autoscaler on the same CPU figures as HPA, with the same target.

    As in the service, where the guards of regulation see to it, it holds while telemetry is missing
    and until no second of that is in its figures: pods that nobody is seen to call are not idle.
    """

    period_s = 15

    def __init__(self, model: PodModel, percent: int = 70) -> None:
        self._model = model
        self._autoscaler = PidAutoscaler(
            PidScalerSettings(
                setpoint=percent / 100.0,
                replicas_min=model.replicas_min,
                replicas_max=model.replicas_max,
            )
        )
        self._state = PidScalerState()

    def decide(self, signals: Signals) -> int:
        """One step; CPU figures of before the first pods' time are none."""
        at_s = signals.now_s - METRIC_LAG_S
        serving = sum(pod.ready_s <= at_s for pod in signals.pods)
        busy = signals.busy_workers(METRIC_WINDOW_S, METRIC_LAG_S) / self._model.workers
        is_known = serving and at_s >= METRIC_WINDOW_S and not _is_dark(signals)
        seen = PidScalerInput(
            measured=min(busy / serving, 1.0) if is_known else None,
            measured_unix_ns=at_s * NS_PER_S,
            replicas=signals.replicas,
            starting=signals.replicas - signals.ready_count,
        )
        self._state, decision = self._autoscaler.step(
            self._state, seen, now_unix_ns=signals.now_s * NS_PER_S
        )
        return decision.replicas


def _is_dark(signals: Signals) -> bool:
    """Whether spans are missing for some 5 s of what the CPU figures are of, or since."""
    lags = range(SPAN_LAG_S, METRIC_WINDOW_S + METRIC_LAG_S, SPAN_WINDOW_S)
    return any(signals.arrivals_per_s(SPAN_WINDOW_S, lag_s) is None for lag_s in lags)
