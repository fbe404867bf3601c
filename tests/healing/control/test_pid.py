"""The PID controller against simple-pid, and the properties of its autoscaler."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_pid import PID

from healing.control.pid import Measurement, Pid, PidSettings, PidState
from healing.control.pid_autoscaler import (
    PidAutoscaler,
    PidScalerInput,
    PidScalerSettings,
    PidScalerState,
)

S = 1_000_000_000
SCALER = PidScalerSettings(setpoint=0.7, replicas_min=2, replicas_max=50)


@given(
    values=st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    gains=st.tuples(st.floats(0, 5), st.floats(0, 1), st.floats(0, 5)),
)
def test_the_common_subset_equals_simple_pid(
    values: list[float], gains: tuple[float, float, float]
) -> None:
    oracle = PID(*gains, setpoint=10.0, sample_time=None)
    pid = Pid(
        PidSettings(
            setpoint=10.0,
            gain=gains[0],
            integral_per_s=gains[1],
            derivative_s=gains[2],
            is_reverse=False,
        )
    )
    state = PidState()
    for index, value in enumerate(values):
        seen = Measurement(value=value, at_unix_ns=index * 15 * S)
        state, output = pid.step(state, seen, now_unix_ns=index * 15 * S)
        assert output.value == pytest.approx(oracle(value, dt=15.0), abs=1e-9, rel=1e-9)


@given(gain=st.floats(0.01, 5), integral=st.floats(0, 0.5), measured=st.floats(0.8, 1.0))
def test_more_load_never_asks_for_fewer_replicas(
    gain: float, integral: float, measured: float
) -> None:
    settings = replace(SCALER, gain=gain, integral_per_s=integral)
    _, decision = PidAutoscaler(settings).step(
        PidScalerState(),
        PidScalerInput(measured=measured, measured_unix_ns=0, replicas=10),
        now_unix_ns=0,
    )
    assert decision.replicas >= 10
    assert decision.output.p > 0


def run(
    scaler: PidAutoscaler, state: PidScalerState, load: float, replicas: int, steps: range
) -> tuple[PidScalerState, int]:
    for step in steps:
        seen = PidScalerInput(
            measured=min(load / replicas, 1.0), measured_unix_ns=step * 15 * S, replicas=replicas
        )
        state, decision = scaler.step(state, seen, now_unix_ns=step * 15 * S)
        replicas = decision.replicas
    return state, replicas


def test_after_an_hour_at_the_bound_it_leaves_it_within_two_periods() -> None:
    scaler = PidAutoscaler(replace(SCALER, down_hold_s=0.0))
    state, replicas = run(scaler, PidScalerState(), 500.0, 10, range(240))
    assert replicas == 50
    _, replicas = run(scaler, state, 10.0, replicas, range(240, 242))
    assert replicas < 50


def test_a_change_by_somebody_else_makes_no_bump() -> None:
    scaler = PidAutoscaler(SCALER)
    state, replicas = run(scaler, PidScalerState(), 7.0, 10, range(20))
    assert replicas == 10
    _, replicas = run(scaler, state, 14.0, 20, range(20, 21))
    assert abs(replicas - 20) <= 1


def test_a_load_within_the_deadband_moves_nothing() -> None:
    _, replicas = run(PidAutoscaler(SCALER), PidScalerState(), 7.3, 10, range(500))
    assert replicas == 10


def test_it_settles_near_its_setpoint() -> None:
    _, replicas = run(PidAutoscaler(SCALER), PidScalerState(), 21.0, 10, range(400))
    assert 27 <= replicas <= 34


def test_a_new_setpoint_gives_no_derivative_kick() -> None:
    gains = PidSettings(setpoint=0.5, gain=0.0, derivative_s=100.0)
    state = PidState()
    for step in range(5):
        setpoint = 0.5 if step < 3 else 5.0
        state, output = Pid(replace(gains, setpoint=setpoint)).step(
            state, Measurement(value=0.4, at_unix_ns=step * S), now_unix_ns=step * S
        )
        assert output.d == 0.0


@pytest.mark.parametrize(
    ("measured", "at_s", "now_s", "reason"),
    [
        (None, 60, 60, "no measurement"),
        (float("nan"), 60, 60, "no measurement"),
        (0.1, 0, 90, "stale"),
        (0.1, 30, 30, "clock"),
    ],
)
def test_what_cannot_be_used_holds_and_says_why(
    measured: float | None, at_s: int, now_s: int, reason: str
) -> None:
    state, replicas = run(PidAutoscaler(SCALER), PidScalerState(), 7.0, 10, range(3))
    after, decision = PidAutoscaler(SCALER).step(
        state,
        PidScalerInput(measured=measured, measured_unix_ns=at_s * S, replicas=replicas),
        now_unix_ns=now_s * S,
    )
    assert after == state
    assert decision.replicas == 10
    assert reason in decision.reason


def test_gains_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 or more"):
        PidSettings(setpoint=1.0, gain=-1.0)
