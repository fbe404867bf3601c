"""A circuit breaker around calls to something that may be down.

The state machine of resilience4j (CircuitBreakerStateMachine): closed, open, half open; failure and
slow-call rates over a window, with a least number of calls; a limited number of permits while half
open. Added, since they are what users of it miss: a permit can be given back, being half open has a
deadline, and the wait grows and is jittered. A result of an earlier state counts no more: a permit
carries the generation that it is of.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from healing.control.margin_bandit import Chance
from healing.control.outcome_window import NS_PER_S, CountWindow, TimeWindow, Window

Mode = Literal["closed", "open", "half_open"]
REFUSED: Final = -1
"""In the place of a permit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """resilience4j's defaults, but for the deadline of being half open and the jitter."""

    window: Literal["count", "time"] = "count"
    window_size: int = 100  # calls, or seconds
    calls_min: int = 100  # with fewer in the window a closed breaker stays closed
    failure_ratio: float = 0.5  # at this share of failed calls it opens
    slow_ratio: float = 1.0  # and at this share of slow ones
    slow_s: float = 60.0
    wait_s: float = 60.0
    wait_factor: float = 1.0  # of the wait, each time that it opens again without having closed
    wait_s_max: float = 600.0
    jitter_ratio: float = 0.0  # the wait is longer by up to this share
    permits: int = 10  # calls let through while half open
    half_open_s_max: float = 60.0  # results that are not in by then count as failures; 0: for ever

    def __post_init__(self) -> None:
        if min(self.window_size, self.calls_min, self.permits) < 1:
            raise ValueError("breaker: expected window_size, calls_min and permits of 1 or more")
        if not (0.0 < self.failure_ratio <= 1.0 and 0.0 < self.slow_ratio <= 1.0):
            raise ValueError("breaker: expected failure_ratio and slow_ratio in (0, 1]")


class BreakerState(NamedTuple):
    """What one step leaves for the next."""

    mode: Mode
    window: Window
    generation: int = 0
    until_unix_ns: int = 0  # when being open, or half open, ends
    openings: int = 0  # in a row, without having closed between
    issued: int = 0  # permits out or used, while half open


class Ask(NamedTuple):
    """May a call be made?"""


class Told(NamedTuple):
    """What became of a call that had a permit; a cancelled one gives it back."""

    permit: int
    duration_s: float = 0.0
    is_failed: bool = False
    is_cancelled: bool = False


ASK: Final = Ask()


class CircuitBreaker:
    """One breaker; a step answers a permit, `REFUSED`, or 0 for a result that was taken in."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings

    def closed(self, generation: int = 0) -> BreakerState:
        """Return the state of a breaker that has seen nothing."""
        settings = self._settings
        size = settings.window_size
        window = CountWindow(size) if settings.window == "count" else TimeWindow(size)
        return BreakerState("closed", window, generation)

    def step(
        self,
        state: BreakerState,
        seen: Ask | Told,
        *,
        now_unix_ns: int,
        rng: Chance | None = None,
    ) -> tuple[BreakerState, int]:
        """Answer a question, or take a result in; `rng` jitters the wait."""
        if state.mode == "closed" and isinstance(seen, Ask):
            return state, state.generation
        if state.mode == "half_open" and 0 < state.until_unix_ns <= now_unix_ns:
            state = self._opened(state, now_unix_ns, rng)
        if isinstance(seen, Ask):
            return self._asked(state, now_unix_ns)
        if seen.permit != state.generation:
            return state, 0  # of an earlier state
        if seen.is_cancelled:
            if state.mode == "half_open":
                state = state._replace(issued=max(state.issued - 1, 0))
            return state, 0
        return self._told(state, seen, now_unix_ns, rng), 0

    def _asked(self, state: BreakerState, now_unix_ns: int) -> tuple[BreakerState, int]:
        settings = self._settings
        if state.mode == "open":
            if now_unix_ns < state.until_unix_ns:
                return state, REFUSED
            deadline = now_unix_ns + int(settings.half_open_s_max * NS_PER_S)
            state = BreakerState(
                "half_open",
                CountWindow(settings.permits),
                state.generation + 1,
                deadline if settings.half_open_s_max > 0.0 else 0,
                state.openings,
            )
        if state.issued >= settings.permits:
            return state, REFUSED
        return state._replace(issued=state.issued + 1), state.generation

    def _told(
        self, state: BreakerState, seen: Told, now_unix_ns: int, rng: Chance | None
    ) -> BreakerState:
        settings = self._settings
        window = state.window.added(
            now_unix_ns, is_failed=seen.is_failed, is_slow=seen.duration_s >= settings.slow_s
        )
        state = BreakerState(
            state.mode, window, state.generation, state.until_unix_ns, state.openings, state.issued
        )
        calls, failed, slow = window.counted(now_unix_ns)
        needed = settings.permits if state.mode == "half_open" else settings.calls_min
        if settings.window == "count" and state.mode == "closed":
            needed = min(needed, settings.window_size)
        if calls < needed:
            return state
        if failed >= settings.failure_ratio * calls or slow >= settings.slow_ratio * calls:
            return self._opened(state, now_unix_ns, rng)
        return self.closed(state.generation + 1) if state.mode == "half_open" else state

    def _opened(self, state: BreakerState, now_unix_ns: int, rng: Chance | None) -> BreakerState:
        settings = self._settings
        wait_s = min(settings.wait_s * settings.wait_factor**state.openings, settings.wait_s_max)
        wait_s *= 1.0 + settings.jitter_ratio * (rng.random() if rng is not None else 0.0)
        return BreakerState(
            "open",
            state.window,
            state.generation + 1,
            now_unix_ns + int(wait_s * NS_PER_S),
            state.openings + 1,
        )
