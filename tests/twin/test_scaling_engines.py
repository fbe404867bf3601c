"""The engines of one service, the pods of a run, the judge, and traces."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from homeostat.simulate.policies import HpaRps
from twin.scaling.event_engine import EventEngine
from twin.scaling.fluid_engine import FluidEngine
from twin.scaling.judge import reversals, violations
from twin.scaling.pod_models import DEFAULT_MODEL, PodModel, model_for
from twin.scaling.run import Signals, simulate
from twin.scaling.workload import TraceError, Workload, daily, ragged, read_trace, step


class Fixed:
    period_s = 15

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas

    def decide(self, signals: Signals) -> int:
        assert signals.now_s % self.period_s == 0
        return self._replicas


def steady(rate: float, duration_s: int) -> Workload:
    return Workload(name="steady", counts=np.random.default_rng(3).poisson(rate, duration_s))


def test_work_done_is_work_that_came_and_no_worker_does_more_than_a_second_a_second() -> None:
    duration_s = 2000
    engine = EventEngine(steady(70.0, duration_s), DEFAULT_MODEL, seed=2)
    engine.advance(duration_s, 10)
    assert engine.record.busy_s.max() <= 10.0 + 1e-6
    assert engine.record.busy_s.sum() == pytest.approx(0.1 * 70.0 * duration_s, rel=0.02)


ENGINES: list[type[EventEngine | FluidEngine]] = [EventEngine, FluidEngine]


@pytest.mark.parametrize("engine_class", ENGINES)
def test_new_pods_begin_empty_beside_old_ones_that_are_booked_ahead(
    engine_class: type[EventEngine | FluidEngine],
) -> None:
    engine = engine_class(steady(60.0, 60), DEFAULT_MODEL, seed=1)
    engine.advance(20, 4)  # forty a second of sixty: booked ahead to the callers' patience
    assert engine.record.refused[15:20].sum() > 60
    engine.advance(60, 12)  # eight more bear the sixty by themselves
    assert engine.record.slow[22:].sum() < 0.01 * engine.record.arrived[22:].sum()
    assert engine.record.busy_s[20] == pytest.approx(4 + 6, abs=1.5)  # the old ones work theirs off
    assert engine.record.busy_s[30:].mean() == pytest.approx(6.0, rel=0.1)


@pytest.mark.parametrize("engine_class", ENGINES)
def test_both_engines_take_away_pods_that_are_free_first(
    engine_class: type[EventEngine | FluidEngine],
) -> None:
    engine = engine_class(steady(60.0, 80), DEFAULT_MODEL, seed=1)
    engine.advance(20, 4)
    engine.advance(21, 12)
    engine.advance(40, 4)  # the eight new ones leave again, all stay that have work
    assert engine.record.slow[25:40].sum() > 0.9 * engine.record.arrived[25:40].sum()


@pytest.mark.parametrize("engine_class", ENGINES)
def test_without_pods_all_is_given_up(engine_class: type[EventEngine | FluidEngine]) -> None:
    workload, model = steady(20.0, 60), PodModel(replicas_min=0)
    engine = engine_class(workload, model, seed=1)
    run = simulate(workload, model, Fixed(0), seed=1, replicas=0, engine=engine)
    assert run.record.refused.sum() == run.record.arrived.sum()
    assert engine.latency_ms_p99(30, 60) == 3000.0


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


def test_the_fluid_engine_tells_of_a_day_what_the_event_engine_tells() -> None:
    """Four hours with floods; `make bench-twin` compares all policies on three days."""
    workload = Workload(name="daily", counts=daily(1, 5).counts[: 4 * 3600])
    policies = [HpaRps(DEFAULT_MODEL) for _ in range(2)]
    event = simulate(workload, DEFAULT_MODEL, policies[0], seed=1).score()
    engine = FluidEngine(workload, DEFAULT_MODEL)
    fluid = simulate(workload, DEFAULT_MODEL, policies[1], seed=1, engine=engine).score()
    assert event.slo_violation_s > 150
    assert fluid.slo_violation_s == pytest.approx(event.slo_violation_s, rel=0.15)
    assert fluid.replica_hours == pytest.approx(event.replica_hours, rel=0.02)
