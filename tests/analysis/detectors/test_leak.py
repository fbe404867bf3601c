"""MemoryLeak: a ramp is found, waves and saws and start-ups are not one.

Small and seeded; `make bench-leak` is the large one.
"""

import numpy as np
import pytest

from analysis.detectors.leak import (
    BLOCK_S,
    BLOCKS,
    STARTUP_S,
    Floors,
    Reading,
    begin,
    pooled,
    ramps,
)
from analysis.detectors.memory import Leaks, detect_leaks, judged
from analysis.settings import AnalysisSettings
from bench.leak.memory import Shape, series
from bench.leak.score import watched

POD = ("shop", "cart", "cart-0")
SETTINGS = AnalysisSettings()
CALM = Shape(
    day_amplitude=0.3,
    hours_amplitude=0.0,
    hours_period_min=120.0,
    load_share=0.1,
    lag_min=5.0,
    saw_amplitude=0.1,
    saw_period_min=4.0,
    noise=0.005,
    noise_memory=0.8,
    startup_share=0.4,
    startup_min=3.0,
    steps_per_h=0.0,
    step_share=0.0,
)


def _floors(levels: list[float], *, minute_s: float = 60.0) -> Floors:
    floors: Floors | None = None
    for minute, level in enumerate(levels):
        reading = Reading(
            time_unix_ns=int(minute * minute_s * 1e9),
            level=level,
            limit_ratio=level / 4.0,
            load_per_s=10.0,
        )
        floors = floors.after(reading) if floors else begin(reading)
    assert floors is not None
    return floors


def _is_leak(levels: list[float]) -> bool:
    return ramps({POD: _floors(levels)}, SETTINGS)[POD].is_leak


def _minutes(count: int = 90) -> np.ndarray:
    return np.arange(count, dtype=np.float64)


def test_a_ramp_is_found_with_the_time_that_is_left() -> None:
    ramp = ramps({POD: _floors(list(1.0 + 0.3 * _minutes() / 60))}, SETTINGS)[POD]
    assert ramp.is_leak
    assert ramp.growth_per_h == pytest.approx(0.3 / 1.2, rel=0.2)
    left_h = (4.0 - 1.44) / 0.3
    assert ramp.limit_in_s == pytest.approx(left_h * 3600, rel=0.2)


@pytest.mark.parametrize(
    "levels",
    [
        1.0 + 0.0 * _minutes(),
        1.0 + 0.4 * ((_minutes() / 17) % 1.0),  # collection of garbage
        2.0 - np.exp(-_minutes() / 20),  # a slow start-up
        1.0 + 0.3 * (_minutes() > 50),  # a cache that was filled once
        1.0 + 0.03 * _minutes() / 60,  # it has a working day
        2.0 - 0.2 * _minutes() / 60,
    ],
    ids=["flat", "saw", "start-up", "step", "slow", "falling"],
)
def test_what_is_no_leak_is_not_called_one(levels: np.ndarray) -> None:
    assert not _is_leak(list(levels))


def test_a_leak_shows_through_the_saw_of_collection() -> None:
    saw = 0.2 * ((_minutes() / 3) % 1.0)
    assert _is_leak(list(1.0 + saw + 0.3 * _minutes() / 60))


def test_nothing_is_said_before_an_hour_after_the_start() -> None:
    least = int((STARTUP_S + BLOCKS * BLOCK_S) / 60)
    ramp = list(1.0 + 0.3 * _minutes(least) / 60)
    assert not ramps({POD: _floors(ramp)}, SETTINGS)
    assert ramps({POD: _floors([*ramp, 2.0])}, SETTINGS)


def test_a_restart_begins_anew_and_so_does_a_hole() -> None:
    ramp = list(1.0 + 0.5 * _minutes(100) / 60)
    assert not ramps({POD: _floors([*ramp, 0.5])}, SETTINGS)
    floors = _floors(ramp)
    late = floors.read_unix_ns + 3600 * 10**9
    after = floors.after(Reading(time_unix_ns=late, level=2.0, limit_ratio=None, load_per_s=1.0))
    assert not ramps({POD: after}, SETTINGS)


def test_what_was_given_back_before_is_no_leak() -> None:
    tooth = list(1.0 + 0.5 * _minutes(70) / 70)
    assert not _is_leak([*tooth, *tooth])


def test_an_old_reading_changes_nothing() -> None:
    floors = _floors([1.0, 1.1])
    old = Reading(time_unix_ns=0, level=0.1, limit_ratio=None, load_per_s=0.0)
    assert floors.after(old) is floors


def test_ramps_of_realistic_pods_are_found_within_75_minutes() -> None:
    seen = [
        watched(np.random.default_rng([7, seed]), minutes=76, leak_per_h=0.3) for seed in range(15)
    ]
    assert sum(s.first_min is not None and s.first_min <= 75 for s in seen) >= 14


def test_calm_pods_are_left_alone_for_a_day() -> None:
    memory, _ = series(CALM, 1440, np.random.default_rng(3))
    floors = _floors(list(memory))
    assert len(floors.levels) > BLOCKS
    seen = [watched(np.random.default_rng([8, seed]), minutes=600) for seed in range(8)]
    windows, flagged = sum(s.windows for s in seen), sum(s.flagged for s in seen)
    assert windows > 800
    assert flagged <= 0.005 * windows


def test_a_leak_that_hides_in_each_pods_own_noise_shows_in_all_of_them_together() -> None:
    rng = np.random.default_rng(6)
    minutes = _minutes(130)
    pods = [_floors(list(1.0 + 0.0025 * minutes + rng.normal(0.0, 0.1, 130))) for _ in range(8)]
    alone = ramps({("shop", "cart", str(i)): pod for i, pod in enumerate(pods)}, SETTINGS)
    assert sum(ramp.is_leak for ramp in alone.values()) < len(pods) / 2
    assert ramps({("shop", "cart", ""): pooled(pods)}, SETTINGS)[("shop", "cart", "")].is_leak


def test_one_pod_that_ramps_among_many_is_no_leak_of_the_service() -> None:
    leaks = Leaks()
    levels = {"a": 1.0 + 0.01 * _minutes(130)} | {name: np.ones(130) for name in "bcd"}
    floors = {("shop", "cart", name): _floors(list(values)) for name, values in levels.items()}
    _, symptoms = detect_leaks(judged(leaks, floors, SETTINGS), SETTINGS)
    assert [symptom.health for symptom in symptoms] == ["healthy"]
