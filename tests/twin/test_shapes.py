"""Shapes of traffic: the rates they promise, and the dispersion that is drawn."""

import numpy as np
import pytest

from twin.scaling.faults import (
    Fault,
    NoTelemetry,
    PodsKilled,
    SlowStarts,
    SlowWork,
    dark_times,
    work_factors,
)
from twin.scaling.pod_models import PodModel
from twin.scaling.run import Signals, simulate
from twin.scaling.shapes import Level, Ramp, Shape, Steps, Surge, Wave, counts_of
from twin.scaling.workload import Workload


def rate(*shapes: Shape, at_s: int, duration_s: int = 7200) -> float:
    """The mean of 200 seconds around a second: its error is 1.4 % at 100 a second, half at 400."""
    counts = [counts_of(shapes, duration_s=duration_s, dispersion=1.0, seed=n) for n in range(2)]
    return float(np.mean([c[at_s - 50 : at_s + 50] for c in counts]))


@pytest.mark.parametrize(
    ("shapes", "at_s", "expected"),
    [
        ([Level(rate=100)], 300, 100),
        ([Level(rate=100), Level(rate=50)], 300, 150),
        ([Wave(low=100, high=300, period_s=4000, peak_s=1000)], 1000, 300),
        ([Wave(low=100, high=300, period_s=4000, peak_s=1000)], 3000, 100),
        ([Wave(low=100, high=300, period_s=4000, peak_s=1000)], 5000, 300),
        ([Ramp(begin_s=1000, end_s=3000, low=100, high=300)], 500, 100),
        ([Ramp(begin_s=1000, end_s=3000, low=100, high=300)], 2000, 200),
        ([Ramp(begin_s=1000, end_s=3000, low=100, high=300)], 6000, 300),
        ([Steps(from_s=(0, 1000), to_rates=(100, 300))], 900, 100),
        ([Steps(from_s=(0, 1000), to_rates=(100, 300))], 1100, 300),
        ([Steps(from_s=(1000,), to_rates=(100,))], 900, 0),
        ([Surge(at_s=1000, factor=4, hold_s=600), Level(rate=100)], 900, 100),
        ([Surge(at_s=1000, factor=4, hold_s=600), Level(rate=100)], 1300, 400),
        ([Surge(at_s=1000, factor=4, hold_s=600), Level(rate=100)], 4000, 100),
    ],
)
def test_shapes_have_their_rates(shapes: list[Shape], at_s: int, expected: float) -> None:
    assert rate(*shapes, at_s=at_s) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("dispersion", [1.0, 2.0, 6.0])
def test_counts_have_the_stated_variance_over_mean(dispersion: float) -> None:
    counts = counts_of([Level(rate=40)], duration_s=40_000, dispersion=dispersion, seed=1)
    assert counts.mean() == pytest.approx(40.0, rel=0.02)
    assert counts.var() / counts.mean() == pytest.approx(dispersion, rel=0.05)


def test_callers_more_regular_than_chance_are_refused() -> None:
    with pytest.raises(ValueError, match=r"dispersion 0\.5: expected 1"):
        counts_of([Level(rate=1)], duration_s=10, dispersion=0.5, seed=1)


class Watcher:
    """Keeps six replicas, and all that it was told."""

    period_s = 5

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, float | None]] = []

    def decide(self, signals: Signals) -> int:
        self.seen.append((signals.now_s, signals.ready_count, signals.arrivals_per_s(5, 5)))
        return 6


def test_killed_pods_come_back_after_their_start_slow_ones_later() -> None:
    workload = Workload(name="w", counts=np.full(400, 30))
    faults: list[Fault] = [
        PodsKilled(at_s=100, count=4),
        SlowStarts(at_s=90, for_s=20, startup_s=60),
    ]
    watcher = Watcher()
    run = simulate(workload, PodModel(), watcher, seed=1, replicas=6, faults=faults)
    ready = {at: count for at, count, _ in watcher.seen}
    assert (ready[95], ready[100], ready[155], ready[160]) == (6, 2, 2, 6)
    assert set(run.replicas) == {6}
    assert run.record.slow[102:160].sum() > 10 * run.record.slow[:100].sum()


def test_slow_work_lasts_as_long_as_it_is_told_and_gaps_are_dark() -> None:
    faults: list[Fault] = [SlowWork(at_s=10, for_s=5, factor=3.0), NoTelemetry(at_s=200, for_s=50)]
    factors = work_factors(faults, 20)
    assert factors is not None
    assert factors.tolist() == [1.0] * 10 + [3.0] * 5 + [1.0] * 5
    assert work_factors(faults[1:], 20) is None
    assert dark_times(faults) == ((200, 250),)
    watcher = Watcher()
    workload = Workload(name="w", counts=np.full(400, 30))
    simulate(workload, PodModel(), watcher, seed=1, replicas=6, faults=faults)
    assert [at for at, _, seen in watcher.seen if seen is None and at > 5] == list(
        range(210, 260, 5)
    )
