"""The autoscalers that the bench puts side by side, and the figures that it sweeps.

Those that learn are here; the others are those of `homeostat simulate`, with what they may know.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from bench.control.pilot import VIOLATION_HOURS, Pilot, trained_agent
from healing.control.margin_bandit import BanditSettings, BanditState, MarginBandit
from homeostat.simulate.policies import NS_PER_S, SPAN_LAG_S, HpaCpu, HpaRps, PidCpu, Slo
from twin.scaling.judge import violations
from twin.scaling.pod_models import PodModel
from twin.scaling.run import Policy, Signals

EPOCH_S: Final = 1800


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
