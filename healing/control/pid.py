"""A PID controller: three terms of one error, and an integral that knows what was really applied.

Discrete PID with the derivative on the filtered measurement and anti-windup by back-calculation
from the applied value: Astrom and Hagglund 2006, "Advanced PID Control", chapter 3. The same
back-calculation makes changes by others bumpless.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

NS_PER_S: Final = 1_000_000_000
DT_RATIO_MIN: Final = 0.2
DT_RATIO_MAX: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PidSettings:
    """Gains and times. Reverse acting: the output rises when the measurement is above the setpoint.

    That is the right sign where more of the output lowers the measurement, as replicas do to load.
    """

    setpoint: float
    gain: float
    integral_per_s: float = 0.0
    derivative_s: float = 0.0
    is_reverse: bool = True
    period_s: float = 15.0
    filter_s: float = 0.0  # time constant of the filter before the derivative; 0: none
    tracking_s: float = 0.0  # time in which the integral follows what was applied; 0: at once
    age_s_max: float = 60.0  # an older measurement is no ground to move

    def __post_init__(self) -> None:
        gains = (self.gain, self.integral_per_s, self.derivative_s)
        if min(gains) < 0.0 or not all(map(math.isfinite, gains)):
            raise ValueError(f"PID gains {gains}: expected 0 or more; the sign is in is_reverse")
        if self.period_s <= 0.0:
            raise ValueError(f"PID period_s {self.period_s}: expected more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A value, and when it was measured; None where there is none."""

    value: float | None
    at_unix_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PidState:
    """What one step leaves for the next."""

    integral: float = 0.0
    filtered: float | None = None
    stepped_unix_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PidOutput:
    """The output and its terms; `held` says why there is none."""

    value: float
    error: float = 0.0
    p: float = 0.0
    i: float = 0.0
    d: float = 0.0
    dt_s: float = 0.0
    held: str = ""


class Pid:
    """One PID controller."""

    def __init__(self, settings: PidSettings) -> None:
        self._settings = settings

    def step(
        self,
        state: PidState,
        seen: Measurement,
        *,
        now_unix_ns: int,
        scale: float = 1.0,
        integrates: bool = True,
    ) -> tuple[PidState, PidOutput]:
        """Compute the output; without a measurement that can be used nothing moves.

        `scale` multiplies all gains (gain scheduling). Without `integrates` the integral waits: the
        effect of the last output is not there yet.
        """
        held = self._unusable(state, seen, now_unix_ns)
        if held:
            return state, PidOutput(value=state.integral, i=state.integral, held=held)
        assert seen.value is not None  # _unusable saw to it
        settings = self._settings
        dt_s = self._dt_s(state, now_unix_ns)
        sign = 1.0 if settings.is_reverse else -1.0
        error = sign * (seen.value - settings.setpoint)
        filtered, slope = self._slope(state, seen.value, dt_s)
        integral = state.integral
        if integrates:
            integral += scale * settings.integral_per_s * error * dt_s
        p = scale * settings.gain * error
        d = scale * settings.derivative_s * sign * slope
        after = replace(state, integral=integral, filtered=filtered, stepped_unix_ns=now_unix_ns)
        return after, PidOutput(
            value=p + integral + d, error=error, p=p, i=integral, d=d, dt_s=dt_s
        )

    def applied(self, state: PidState, output: PidOutput, applied: float) -> PidState:
        """Let the integral follow what was applied in the place of the output."""
        tracking_s = self._settings.tracking_s
        share = 1.0 if tracking_s <= 0.0 else min(output.dt_s / tracking_s, 1.0)
        return replace(state, integral=state.integral + share * (applied - output.value))

    def _unusable(self, state: PidState, seen: Measurement, now_unix_ns: int) -> str:
        if seen.value is None or not math.isfinite(seen.value):
            return "no measurement"
        if now_unix_ns - seen.at_unix_ns > self._settings.age_s_max * NS_PER_S:
            return "the measurement is stale"
        if state.stepped_unix_ns is not None and now_unix_ns <= state.stepped_unix_ns:
            return "the clock did not move on"
        return ""

    def _dt_s(self, state: PidState, now_unix_ns: int) -> float:
        period_s = self._settings.period_s
        if state.stepped_unix_ns is None:
            return period_s
        passed_s = (now_unix_ns - state.stepped_unix_ns) / NS_PER_S
        return min(max(passed_s, DT_RATIO_MIN * period_s), DT_RATIO_MAX * period_s)

    def _slope(self, state: PidState, value: float, dt_s: float) -> tuple[float, float]:
        """The filtered measurement and its slope, which a new setpoint does not change."""
        if state.filtered is None:
            return value, 0.0
        filtered = state.filtered + dt_s / (self._settings.filter_s + dt_s) * (
            value - state.filtered
        )
        return filtered, (filtered - state.filtered) / dt_s
