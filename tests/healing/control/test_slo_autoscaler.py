"""The SLO autoscaler: staffing, gaps, hold, and an unseen service time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.control.slo_autoscaler import SloAutoscaler, SloInput, SloSettings, SloState
from healing.control.staffing import required_pods
from knowledge.erlang import slow_ratio

S = 1_000_000_000
SETTINGS = SloSettings(limit_ms=750.0, replicas_min=2, replicas_max=100)


@given(rate=st.floats(0, 500), limit_ms=st.floats(500, 3000))
def test_staffing_is_the_least_that_keeps_the_promise(rate: float, limit_ms: float) -> None:
    pods = required_pods(
        rate, service_ms=100.0, workers_per_pod=1, limit_ms=limit_ms, late_ratio_max=0.01
    )
    limit = round(limit_ms / 100.0, 2)
    assert slow_ratio(pods, rate / 10.0, limit) <= 0.01
    fewer = pods - 1
    assert fewer <= rate / 10.0 or slow_ratio(fewer, rate / 10.0 + 0.05, limit) > 0.01


def test_a_promise_that_the_work_alone_breaks_still_gets_an_answer() -> None:
    pods = required_pods(
        50.0, service_ms=100.0, workers_per_pod=1, limit_ms=100.0, late_ratio_max=0.01
    )
    assert 6 <= pods <= 30


def run(rates: list[float | None], replicas: int) -> list[int]:
    scaler, state, seen = SloAutoscaler(SETTINGS), SloState(), []
    for step, rate in enumerate(rates):
        state, decision = scaler.step(
            state,
            SloInput(replicas=replicas, ready_count=replicas, arrivals_per_s=rate),
            now_unix_ns=step * 5 * S,
        )
        replicas = decision.replicas
        seen.append(replicas)
    return seen


def test_a_gap_takes_no_pod_away_and_what_was_needed_before_counts_after_it() -> None:
    busy: list[float | None] = [100.0] * 20
    gap: list[float | None] = [None] * 360
    seen = run([*busy, *gap, *([20.0] * 30)], 20)
    assert min(seen) == seen[19]


def test_less_is_taken_away_only_after_the_hold() -> None:
    seen = run([*([100.0] * 20), *([20.0] * 90)], 20)
    first_lower = next(step for step, count in enumerate(seen) if count < seen[19])
    assert first_lower >= 20 + SETTINGS.hold_s / 5 - 2
    assert seen[-1] < 8


def test_a_flood_is_answered_in_the_first_step_that_shows_it() -> None:
    seen = run([*([40.0] * 20), 200.0], 8)
    assert seen[-1] >= 16


@given(st.lists(st.one_of(st.none(), st.floats(0, 5000)), min_size=1, max_size=60))
def test_it_never_leaves_its_bounds(rates: list[float | None]) -> None:
    assert all(2 <= count <= 100 for count in run(rates, 10))


def test_late_answers_that_the_formula_cannot_explain_raise_the_need() -> None:
    scaler, state, replicas = SloAutoscaler(SETTINGS), SloState(), 7
    for step in range(60):
        seen = SloInput(
            replicas=replicas, ready_count=replicas, arrivals_per_s=50.0, latency_ms_p99=2000.0
        )
        state, decision = scaler.step(state, seen, now_unix_ns=(step + 1000) * 5 * S)
        replicas = decision.replicas
    assert decision.trim == pytest.approx(SETTINGS.trim_max)
    assert replicas >= 9
