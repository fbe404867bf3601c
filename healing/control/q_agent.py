"""A Q-learning agent that turns one knob of a controller; its fallback is that controller as it is.

Tabular Q-learning (Watkins and Dayan 1992) with a mask of allowed actions, which the guards compute
and not the agent. A state that was seen too seldom gets the fallback's action, and so does every
state in shadow mode: there the agent only says what it would have done.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from healing.control.margin_bandit import Chance


@dataclass(frozen=True, slots=True, kw_only=True)
class QSettings:
    """The actions (values of the knob), which one is the fallback, and how to learn."""

    actions: tuple[float, ...] = (0.9, 1.0, 1.15, 1.35)
    fallback: int = 1
    learning_rate: float = 0.1
    discount: float = 0.9
    exploration: float = 0.1  # share of chance actions while it learns
    visits_min: int = 20  # of the state and action, before it is trusted
    mode: Literal["shadow", "active"] = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class QInput:
    """A state, the actions allowed in it, and the reward of the last action, if any."""

    situation: tuple[int, ...]
    allowed: frozenset[int]
    reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QState:
    """The table: (state, action) to (value, visits), and the last choice."""

    table: dict[tuple[tuple[int, ...], int], tuple[float, int]] = field(default_factory=dict)
    last: tuple[tuple[int, ...], int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QDecision:
    """What is done, what the agent would do, and why they differ if they do."""

    action: int
    value: float
    proposed: int
    reason: str


class QAgent:
    """One agent; `rng` only matters while it explores."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def step(
        self,
        state: QState,
        seen: QInput,
        *,
        now_unix_ns: int,
        rng: Chance | None = None,
        is_learning: bool = False,
    ) -> tuple[QState, QDecision]:
        """Learn from the reward, if it learns, and choose. Without `rng` it does not explore."""
        del now_unix_ns  # steps are counted, not timed
        settings = self._settings
        allowed = seen.allowed or frozenset({settings.fallback})
        if is_learning and state.last is not None and seen.reward is not None:
            state = self._learnt(state, state.last, seen.reward, seen.situation, allowed)
        proposed, reason = self._proposed(state, seen.situation, allowed, is_learning=is_learning)
        if rng is not None and rng.random() < settings.exploration:
            proposed = sorted(allowed)[int(rng.random() * len(allowed))]
            reason = "a try"
        safe = settings.fallback if settings.fallback in allowed else max(allowed)
        action = proposed if settings.mode == "active" or is_learning else safe
        if action != proposed:
            reason = f"shadow: would have used {settings.actions[proposed]:g} ({reason})"
        state = replace(state, last=(seen.situation, action))
        return state, QDecision(
            action=action, value=settings.actions[action], proposed=proposed, reason=reason
        )

    def _value(self, state: QState, situation: tuple[int, ...], action: int) -> tuple[float, int]:
        return state.table.get((situation, action), (0.0, 0))

    def _proposed(
        self,
        state: QState,
        situation: tuple[int, ...],
        allowed: frozenset[int],
        *,
        is_learning: bool,
    ) -> tuple[int, str]:
        settings = self._settings
        enough = 1 if is_learning else settings.visits_min
        known = [a for a in sorted(allowed) if self._value(state, situation, a)[1] >= enough]
        safe = settings.fallback if settings.fallback in allowed else max(allowed)
        if safe not in known:
            return safe, "too little is known of this state"
        best = max(known, key=lambda a: (self._value(state, situation, a)[0], a == safe))
        return best, f"the best of {len(known)} known"

    def _learnt(
        self,
        state: QState,
        last: tuple[tuple[int, ...], int],
        reward: float,
        situation: tuple[int, ...],
        allowed: frozenset[int],
    ) -> QState:
        settings = self._settings
        value, visits = state.table.get(last, (0.0, 0))
        ahead = [self._value(state, situation, a) for a in allowed]
        best = max((v for v, n in ahead if n), default=0.0)
        rate = max(settings.learning_rate, 1.0 / (visits + 1))
        value += rate * (reward + settings.discount * best - value)
        return replace(state, table={**state.table, last: (value, visits + 1)})
