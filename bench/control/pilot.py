"""The Q-learning agent at the autoscaler's margin, and its training on synthetic days.

The state: how busy the workers are, how the rate moves, and how uncertain the forecast is. The mask
allows no margin below the fallback's while workers are busy or answers are late.
"""

from functools import lru_cache
from random import Random
from typing import Final, Protocol

from healing.control.q_agent import QAgent, QInput, QSettings, QState
from healing.control.slo_autoscaler import SloSettings, SloState
from homeostat.simulate.policies import Slo
from twin.scaling.fluid_engine import FluidEngine
from twin.scaling.judge import violations
from twin.scaling.pod_models import DEFAULT_MODEL, PodModel
from twin.scaling.run import Signals, simulate
from twin.scaling.workload import SYNTHETIC

CHOICE_S: Final = 300
BUSY: Final = 0.85
VIOLATION_HOURS: Final = 0.1
"""Replica-hours that one second in violation is worth."""
EPISODES: Final = 8
Trained = tuple[QSettings, QState]


class Scaler(Protocol):
    """The autoscaler whose margin is turned."""

    settings: SloSettings
    state: SloState
    period_s: int

    def decide_with(self, signals: Signals, margin: float | None) -> int:
        """One step with this margin."""
        ...


class Pilot:
    """An agent in a run; with `rng` it learns."""

    def __init__(
        self, scaler: Scaler, trained: Trained, model: PodModel, rng: Random | None = None
    ) -> None:
        self._scaler = scaler
        self._agent, self._settings = QAgent(trained[0]), trained[0]
        self._model = model
        self._rng = rng
        self._pod_s = 0.0
        self._margin = scaler.settings.margin
        self.state = trained[1]
        self.period_s = scaler.period_s

    def decide(self, signals: Signals) -> int:
        """One step of the autoscaler, and each minute one of the agent."""
        if signals.now_s % CHOICE_S == 0:
            self._choose(signals)
        self._pod_s += signals.replicas * self.period_s
        return self._scaler.decide_with(signals, self._margin)

    def _choose(self, signals: Signals) -> None:
        settings = self._settings
        to_s = max(signals.now_s - self.period_s, 0)
        from_s = max(to_s - CHOICE_S, 0)
        record = signals.engine.record
        arrived = record.arrived_in(from_s, to_s)
        late = float(
            violations(record.arrived[from_s:to_s], record.slow[from_s:to_s], self._model).sum()
        )
        cost = self._pod_s / 3600.0 + VIOLATION_HOURS * late
        self._pod_s = 0.0
        forecast = self._scaler.state.forecast
        load = signals.busy_workers(CHOICE_S // 2, self.period_s) / max(signals.ready_count, 1)
        move = 1.0 if not forecast.past else (forecast.level or 0.0) / max(forecast.past[0], 1.0)
        situation = (
            min(int(load * 5), 4),
            0 if move < 0.95 else 1 if move < 1.05 else 2,
            min(int(forecast.error * 20), 4),
        )
        is_tight = load > BUSY or late > 0
        allowed = frozenset(
            action
            for action, margin in enumerate(settings.actions)
            if not is_tight or margin >= settings.actions[settings.fallback]
        )
        seen = QInput(
            situation=situation,
            allowed=allowed,
            reward=-1e4 * cost / arrived if arrived else None,
        )
        self.state, decision = self._agent.step(
            self.state,
            seen,
            now_unix_ns=signals.now_s * 1_000_000_000,
            rng=self._rng,
            is_learning=self._rng is not None,
        )
        self._margin = decision.value


@lru_cache(maxsize=1)
def trained_agent() -> Trained:
    """Train on synthetic days, the same each time; no recording is seen."""
    settings = QSettings(mode="active")
    state, rng = QState(), Random(11)
    for episode in range(EPISODES):
        for make in SYNTHETIC.values():
            workload = make(1, 100 + episode)
            pilot = Pilot(Slo(DEFAULT_MODEL), (settings, state), DEFAULT_MODEL, rng)
            engine = FluidEngine(workload, DEFAULT_MODEL)
            simulate(workload, DEFAULT_MODEL, pilot, seed=1, engine=engine)
            state = QState(table=pilot.state.table)
    return settings, state
