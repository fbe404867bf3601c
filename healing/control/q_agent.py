"""A Q-learning agent that turns one knob of a controller; its fallback is that controller as it is.

Tabular Q-learning (Watkins and Dayan 1992) with a mask of allowed actions, which the guards compute
and not the agent. It is conservative: it does otherwise than its fallback only where it surely does
better, that is where the lower bound of the advantage is above zero (as in Thomas, Theocharous and
Ghavamzadeh 2015, "High Confidence Policy Improvement"). Elsewhere, in states that it seldom saw,
and in shadow mode, the fallback acts; the shadow only says what it would have done.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from healing.control.margin_bandit import Chance

Situation = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QSettings:
    """The actions (values of the knob), which one is the fallback, and how to learn.

    `confidence`: standard errors by which an advantage must lie above zero.
    """

    actions: tuple[float, ...] = (0.9, 1.0, 1.15, 1.35)
    fallback: int = 1
    learning_rate: float = 0.005  # at the least; at first the mean of what was seen
    discount: float = 0.6
    exploration: float = 0.5  # share of chance actions while it learns
    visits_min: int = 20  # of the state and action, before it is trusted
    confidence: float = 1.0
    mode: Literal["shadow", "active"] = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class QInput:
    """A state, the actions allowed in it, and the reward of the last action, if any."""

    situation: Situation
    allowed: frozenset[int]
    reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What is known of an action in a state; `squares`: of what was seen about the value."""

    value: float = 0.0
    visits: int = 0
    squares: float = 0.0

    @property
    def variance(self) -> float:
        """The variance of the value."""
        return self.squares / max(self.visits - 1, 1) / max(self.visits, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QState:
    """The table, and the last choice."""

    table: dict[tuple[Situation, int], Worth] = field(default_factory=dict)
    last: tuple[Situation, int] | None = None


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
        proposed, reason = self._proposed(state, seen.situation, allowed)
        if rng is not None and rng.random() < settings.exploration:
            proposed = sorted(allowed)[int(rng.random() * len(allowed))]
            reason = "a try"
        action = proposed if settings.mode == "active" or is_learning else self._safe(allowed)
        if action != proposed:
            reason = f"shadow: would have used {settings.actions[proposed]:g} ({reason})"
        state = replace(state, last=(seen.situation, action))
        return state, QDecision(
            action=action, value=settings.actions[action], proposed=proposed, reason=reason
        )

    def advantage(self, state: QState, situation: Situation, action: int, safe: int) -> float:
        """Return by how much an action is surely better than the fallback there; at worst -inf."""
        settings = self._settings
        one, other = (state.table.get((situation, each), Worth()) for each in (action, safe))
        if min(one.visits, other.visits) < settings.visits_min:
            return -math.inf
        doubt = settings.confidence * math.sqrt(one.variance + other.variance)
        return one.value - other.value - doubt

    def _safe(self, allowed: frozenset[int]) -> int:
        return self._settings.fallback if self._settings.fallback in allowed else max(allowed)

    def _proposed(
        self, state: QState, situation: Situation, allowed: frozenset[int]
    ) -> tuple[int, str]:
        safe = self._safe(allowed)
        bounds = {a: self.advantage(state, situation, a, safe) for a in allowed if a != safe}
        best = max(bounds, key=lambda a: (bounds[a], -a), default=safe)
        if best == safe or bounds[best] <= 0.0:
            return safe, "nothing is surely better here"
        return best, f"better by {bounds[best]:.3g} at least"

    def _learnt(
        self,
        state: QState,
        last: tuple[Situation, int],
        reward: float,
        situation: Situation,
        allowed: frozenset[int],
    ) -> QState:
        """The table after a reward; ahead is what the agent's own careful choice is worth."""
        settings = self._settings
        worth = state.table.get(last, Worth())
        ahead, _ = self._proposed(state, situation, allowed)
        best = state.table.get((situation, ahead), Worth()).value
        error = reward + settings.discount * best - worth.value
        rate = max(settings.learning_rate, 1.0 / (worth.visits + 1))
        value = worth.value + rate * error
        after = Worth(
            value=value,
            visits=worth.visits + 1,
            squares=worth.squares + error * (reward + settings.discount * best - value),
        )
        return replace(state, table={**state.table, last: after})
