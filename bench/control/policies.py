"""The autoscalers of the house, and their opponents, as policies of a run of the twin.

What each may know is what it could know in a cluster. HPA reads metrics-server: CPU averaged over
30 s that is 15 s old when it is read. Its rival on requests a second (an External metric, what KEDA
sets up) has the same window and age. Ours reads spans of the last 5 s that are 5 s old, and decides
each 5 s.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from bench.control.pilot import VIOLATION_HOURS, Pilot, trained_agent
from healing.control.hpa import Hpa, HpaInput, HpaSettings, HpaState
from healing.control.hpa_metrics import OutsideAverage, Reading, Sample, Utilization
from healing.control.hpa_pods import PodFacts
from healing.control.margin_bandit import BanditSettings, BanditState, MarginBandit
from healing.control.pid_autoscaler import (
    PidAutoscaler,
    PidScalerInput,
    PidScalerSettings,
    PidScalerState,
)
from healing.control.slo_autoscaler import SloAutoscaler, SloInput, SloSettings, SloState
from twin.scaling.judge import violations
from twin.scaling.pod_models import PodModel
from twin.scaling.run import PodAge, Policy, Signals

NS_PER_S: Final = 1_000_000_000
METRIC_WINDOW_S: Final = 30
METRIC_LAG_S: Final = 15
SPAN_WINDOW_S: Final = 5
SPAN_LAG_S: Final = 5
REQUEST_MILLI: Final = 1000
EPOCH_S: Final = 1800


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


class SloBandit:
    """Our SLO autoscaler with a bandit on its margin, one epoch each half an hour.

    An epoch costs its replica-hours and `VIOLATION_HOURS` for each second in violation, by request.
    """

    period_s = 5

    def __init__(self, model: PodModel, seed: int = 1) -> None:
        self._slo = Slo(model)
        self._model = model
        self._bandit = MarginBandit(BanditSettings())
        self._state = BanditState()
        self._rng = Random(seed)
        self._margin = self._slo.settings.margin
        self._pod_s = 0.0

    def decide(self, signals: Signals) -> int:
        """One step of the autoscaler, and one of the bandit when an epoch ends."""
        if signals.now_s % EPOCH_S == 0:
            self._choose(signals)
        self._pod_s += signals.replicas * self.period_s
        return self._slo.decide_with(signals, self._margin)

    def _choose(self, signals: Signals) -> None:
        to_s = signals.now_s - SPAN_LAG_S
        record, from_s = signals.engine.record, max(to_s - EPOCH_S, 0)
        arrived = record.arrived_in(from_s, to_s)
        cost = None
        if arrived > 0.0:
            late = violations(record.arrived[from_s:to_s], record.slow[from_s:to_s], self._model)
            hours = self._pod_s / 3600.0 + VIOLATION_HOURS * float(late.sum())
            cost = hours / arrived
        self._pod_s = 0.0
        self._state, decision = self._bandit.step(
            self._state, cost, now_unix_ns=signals.now_s * NS_PER_S, rng=self._rng
        )
        self._margin = decision.margin


class QLearning:
    """The Q-learning agent on the margin of the same autoscaler, trained beforehand in the twin."""

    period_s = 5

    def __init__(self, model: PodModel) -> None:
        self._pilot = Pilot(Slo(model), trained_agent(), model)

    def decide(self, signals: Signals) -> int:
        """One step; the agent chooses each minute, and learns no more."""
        return self._pilot.decide(signals)


POLICIES: Final[dict[str, Callable[[PodModel], Policy]]] = {
    "hpa-cpu-70": HpaCpu,
    "hpa-rps": HpaRps,
    "pid": PidCpu,
    "slo": Slo,
    "slo-bandit": SloBandit,
    "q-learning": QLearning,
}


def _slo_at(model: PodModel, margin: float) -> Policy:
    return Slo(model, margin=margin)


def _cpu_at(model: PodModel, percent: float) -> Policy:
    return HpaCpu(model, percent=int(percent))


def _rps_at(model: PodModel, percent: float) -> Policy:
    return HpaRps(model, percent=int(percent))


SWEEPS: Final[dict[str, tuple[Callable[[PodModel, float], Policy], tuple[float, ...]]]] = {
    "hpa-cpu": (_cpu_at, (50, 60, 70, 80)),
    "hpa-rps": (_rps_at, (55, 65, 70, 75, 80)),
    "slo": (_slo_at, (0.9, 1.0, 1.1, 1.2, 1.3)),
}
"""For the Pareto curve: a maker, and the figures to sweep."""
