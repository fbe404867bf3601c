"""The engines of one service against queueing theory and Ciw, against each other, and the judge."""

from pathlib import Path

import ciw
import numpy as np
import polars as pl
import pytest

from knowledge.erlang import mean_wait_ms
from twin.scaling.event_engine import EventEngine
from twin.scaling.fluid_engine import FluidEngine
from twin.scaling.judge import reversals, violations
from twin.scaling.pod_models import DEFAULT_MODEL, PodModel, model_for
from twin.scaling.run import Signals, simulate
from twin.scaling.workload import TraceError, Workload, ragged, read_trace, step

PATIENT = PodModel(patience_s=1e9)
POINTS = [(2, 10.0), (4, 28.0), (8, 64.0), (12, 105.0), (20, 180.0)]
"""Pods of ten requests a second each, and arrivals a second: half to nine tenths busy."""


class Fixed:
    period_s = 15

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas

    def decide(self, signals: Signals) -> int:
        assert signals.now_s % self.period_s == 0
        return self._replicas


def steady(rate: float, duration_s: int) -> Workload:
    return Workload(name="steady", counts=np.random.default_rng(3).poisson(rate, duration_s))


def event_wait_ms(pods: int, rate: float) -> float:
    duration_s = int(400_000 / rate)
    engine = EventEngine(steady(rate, duration_s), PATIENT, seed=5)
    engine.advance(duration_s, pods)
    return 1000.0 * float(engine.record.wait_s.sum() / engine.record.arrived.sum())


def ciw_wait_ms(pods: int, rate: float) -> float:
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)],
        service_distributions=[ciw.dists.Exponential(10.0)],
        number_of_servers=[pods],
    )
    ciw.seed(7)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(40_000)
    waits = [r.waiting_time for r in simulation.get_all_records() if r.arrival_date > 10.0]
    return 1000.0 * float(sum(waits)) / len(waits)


@pytest.mark.parametrize(("pods", "rate"), POINTS)
def test_waits_of_the_event_engine_agree_with_m_m_c(pods: int, rate: float) -> None:
    assert event_wait_ms(pods, rate) == pytest.approx(mean_wait_ms(pods, rate, 100.0), rel=0.1)


@pytest.mark.parametrize(("pods", "rate"), POINTS[:1])
def test_waits_of_the_event_engine_agree_with_ciw(pods: int, rate: float) -> None:
    assert event_wait_ms(pods, rate) == pytest.approx(ciw_wait_ms(pods, rate), rel=0.1)


@pytest.mark.parametrize(("pods", "rate"), POINTS)
def test_waits_of_the_fluid_engine_agree_with_m_m_c(pods: int, rate: float) -> None:
    engine = FluidEngine(Workload(name="s", counts=np.full(600, int(rate))), PATIENT)
    engine.advance(600, pods)
    wait_ms = 1000.0 * float(engine.record.wait_s[300:].sum() / engine.record.arrived[300:].sum())
    assert wait_ms == pytest.approx(mean_wait_ms(pods, int(rate), 100.0), rel=0.1)


def test_work_done_is_work_that_came_and_no_worker_does_more_than_a_second_a_second() -> None:
    duration_s = 2000
    engine = EventEngine(steady(70.0, duration_s), DEFAULT_MODEL, seed=2)
    engine.advance(duration_s, 10)
    assert engine.record.busy_s.max() <= 10.0 + 1e-6
    assert engine.record.busy_s.sum() == pytest.approx(0.1 * 70.0 * duration_s, rel=0.02)


def test_without_pods_all_is_given_up() -> None:
    run = simulate(steady(20.0, 60), PodModel(replicas_min=0), Fixed(0), seed=1, replicas=0)
    assert run.record.refused.sum() == run.record.arrived.sum()


def test_a_new_pod_serves_only_after_its_start() -> None:
    model = PodModel(startup_s=30)
    run = simulate(steady(60.0, 120), model, Fixed(20), seed=1, replicas=2)
    assert run.record.refused[5:28].min() > 0
    assert run.record.refused[40:].sum() == 0


def test_the_same_seed_gives_the_same_run() -> None:
    runs = [simulate(step(3), DEFAULT_MODEL, Fixed(9), seed=8).score() for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_second_is_in_violation_by_what_its_last_ten_seconds_promised() -> None:
    arrived, slow = np.full(40, 50.0), np.zeros(40)
    slow[20] = 6.0  # 6 of 500 are more than 1 %
    assert violations(arrived, slow, DEFAULT_MODEL).nonzero()[0].tolist() == list(range(20, 30))
    slow[20] = 5.0
    assert not violations(arrived, slow, DEFAULT_MODEL).any()


def test_one_late_request_is_no_violation() -> None:
    slow = np.zeros(20)
    slow[5] = 1.0
    assert not violations(np.ones(20), slow, DEFAULT_MODEL).any()


@pytest.mark.parametrize(
    ("replicas", "expected"), [([2, 2, 3, 3, 4], 0), ([2, 3, 3, 2], 1), ([2, 3, 2, 3, 3], 2)]
)
def test_reversals_are_changes_of_direction(replicas: list[int], expected: int) -> None:
    assert reversals(replicas) == expected


def test_a_gap_is_none_and_not_zero() -> None:
    workload = Workload(name="hole", counts=np.array([50] * 60 + [0] * 60 + [50] * 60))
    engine = EventEngine(workload, DEFAULT_MODEL, seed=1)
    engine.advance(180, 9)
    signals = Signals(now_s=100, replicas=9, pods=(), engine=engine)
    assert signals.arrivals_per_s(5, 5) is None
    signals.now_s = 180
    assert signals.arrivals_per_s(5, 5) == pytest.approx(50.0)
    signals.gaps = ((100, 176),)
    assert signals.arrivals_per_s(5, 5) is None


def test_a_trace_is_read_as_it_is_or_scaled_by_its_model(
    tmp_path: Path,
) -> None:
    path = tmp_path / "nasa_day.parquet"
    pl.DataFrame({"requests": [1] * 600}).write_parquet(path)
    counts = read_trace(path, model_for("nasa_day"), seed=1).counts
    assert counts.mean() == pytest.approx(90.0, rel=0.05)
    assert read_trace(path, model_for("other"), seed=1).counts.tolist() == [1] * 600


@pytest.mark.parametrize("column", [{"rows": [1]}, {"requests": [0.5]}, {"requests": [-1]}])
def test_what_is_no_trace_is_named(tmp_path: Path, column: dict[str, list[float]]) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame(column).write_parquet(path)
    with pytest.raises(TraceError, match=r"x\.parquet"):
        read_trace(path, DEFAULT_MODEL, seed=1)


def test_generators_repeat_themselves() -> None:
    assert (ragged(1, 5).counts == ragged(1, 5).counts).all()
    assert step(5).counts[:1000].mean() * 5 == pytest.approx(step(5).counts[1300:].mean(), rel=0.05)
