"""PID control of replicas by a measured load, such as the CPU utilisation.

The controller of pid.py on the relative error, its gains scheduled by the size of the service, with
what an actuator of whole pods needs: deadband, slew limits, a hold on the way down, and no integral
while pods that were ordered are still starting.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final

from healing.control.pid import Measurement, Pid, PidOutput, PidSettings, PidState

NS_PER_S: Final = 1_000_000_000
HALF: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PidScalerSettings:
    """The target of the load per pod, gains on the relative error, and the limits of a step."""

    setpoint: float
    gain: float = 0.8
    integral_per_s: float = 0.01
    derivative_s: float = 0.0
    period_s: float = 15.0
    filter_s: float = 30.0
    tracking_s: float = 30.0
    deadband_ratio: float = 0.1  # an error within it moves nothing: HPA's tolerance
    replicas_min: int = 1
    replicas_max: int = 100
    slew_up_ratio: float = 1.0  # at most so much more in one step ...
    slew_down_ratio: float = 0.2  # ... and so much less
    down_hold_s: float = 300.0
    age_s_max: float = 60.0

    def __post_init__(self) -> None:
        if self.setpoint <= 0.0:
            raise ValueError(f"setpoint {self.setpoint}: expected more than 0")

    def relative(self) -> PidSettings:
        """The controller on the error as a share of the setpoint."""
        return PidSettings(
            setpoint=1.0,
            gain=self.gain,
            integral_per_s=self.integral_per_s,
            derivative_s=self.derivative_s,
            period_s=self.period_s,
            filter_s=self.filter_s,
            tracking_s=self.tracking_s,
            age_s_max=self.age_s_max,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PidScalerInput:
    """The load per pod and when it was measured; `replicas` are those wanted now, by whoever."""

    measured: float | None
    measured_unix_ns: int
    replicas: int
    starting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PidScalerState:
    """What one step leaves for the next. `wants`: (unix ns, pods) of the hold window, falling."""

    pid: PidState = field(default_factory=PidState)
    commanded: int | None = None
    wants: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PidScalerDecision:
    """The replicas to have, the terms, and why it is this many."""

    replicas: int
    output: PidOutput
    reason: str


class PidAutoscaler:
    """One service's PID autoscaler."""

    def __init__(self, settings: PidScalerSettings) -> None:
        self._settings = settings
        self._pid = Pid(settings.relative())

    def step(
        self, state: PidScalerState, seen: PidScalerInput, *, now_unix_ns: int
    ) -> tuple[PidScalerState, PidScalerDecision]:
        """Decide once."""
        settings = self._settings
        measured = None if seen.measured is None else seen.measured / settings.setpoint
        before = state.pid
        after, output = self._pid.step(
            before,
            Measurement(value=measured, at_unix_ns=seen.measured_unix_ns),
            now_unix_ns=now_unix_ns,
            scale=float(seen.replicas),
            integrates=not seen.starting,
        )
        if output.held:
            return state, PidScalerDecision(
                replicas=seen.replicas, output=output, reason=output.held
            )
        if seen.replicas != state.commanded:  # the first step, or somebody else changed them
            change = seen.replicas - output.i
            after = replace(after, integral=seen.replicas)
            output = replace(output, i=float(seen.replicas), value=output.value + change)
        count, reason, wants = self._limited(state, seen, output, now_unix_ns)
        if abs(count - output.value) > HALF:
            after = self._pid.applied(after, output, float(count))
        state = PidScalerState(pid=after, commanded=count, wants=wants)
        return state, PidScalerDecision(replicas=count, output=output, reason=reason)

    def _limited(
        self,
        state: PidScalerState,
        seen: PidScalerInput,
        output: PidOutput,
        now_unix_ns: int,
    ) -> tuple[int, str, tuple[tuple[int, int], ...]]:
        settings, replicas = self._settings, seen.replicas
        wanted, reason = round(output.value), "as computed"
        if abs(output.error) <= settings.deadband_ratio:
            wanted, reason = replicas, "within the deadband"
        since = now_unix_ns - int(settings.down_hold_s * NS_PER_S)
        kept = [want for want in state.wants if want[0] > since and want[1] > wanted]
        wants = (*kept, (now_unix_ns, wanted))
        held = min(wants[0][1], replicas)
        if wanted < held:
            wanted, reason = held, f"held for {settings.down_hold_s:.0f} s"
        highest = replicas + max(1, math.floor(settings.slew_up_ratio * replicas))
        lowest = replicas - max(1, math.floor(settings.slew_down_ratio * replicas))
        if not lowest <= wanted <= highest:
            wanted, reason = min(max(wanted, lowest), highest), "limited in its step"
        if not settings.replicas_min <= wanted <= settings.replicas_max:
            wanted = min(max(wanted, settings.replicas_min), settings.replicas_max)
            reason = "at its bound"
        return wanted, reason, wants
