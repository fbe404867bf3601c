"""Right-sizing: the percentiles of a decaying histogram, bumps that do not feed themselves."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healing.control.decaying_histogram import CPU, MEMORY, Histogram
from healing.control.resource_manager import (
    MIB,
    Killed,
    ResourceManager,
    Sizing,
    SizingSettings,
    SizingState,
    Used,
)

DAY_S = 86_400
GIB = 1024 * MIB
MANAGER = ResourceManager(SizingSettings())


def _fed(state: SizingState, seen: Used | Killed, at_s: float) -> tuple[SizingState, Sizing]:
    return MANAGER.step(state, seen, now_unix_ns=int(at_s * 1e9))


def test_buckets_grow_by_a_twentieth_and_hold_what_they_should() -> None:
    assert (CPU.count, MEMORY.count) == (176, 176)
    for buckets in (CPU, MEMORY):
        assert buckets.start(1) == pytest.approx(buckets.first)
        assert buckets.start(2) - buckets.start(1) == pytest.approx(1.05 * buckets.first)
        assert buckets.find(buckets.most * 10) == buckets.count - 1


@settings(max_examples=40)
@given(st.lists(st.floats(0.0, 900.0), min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_a_percentile_is_the_exact_one_within_a_bucket(values: list[float], ratio: float) -> None:
    histogram = Histogram(buckets=CPU)
    for value in values:
        histogram = histogram.added(value, 1.0, at_s=0.0)
    exact = sorted(values)[max(math.ceil(ratio * len(values) - 1e-9), 1) - 1]
    found = histogram.percentile(ratio)
    assert exact <= found * (1 + 1e-9)
    assert CPU.find(exact) in {CPU.find(found), CPU.find(found) - 1}


def test_old_samples_weigh_half_with_each_half_life_and_never_overflow() -> None:
    histogram = Histogram(buckets=CPU).added(1.0, 1.0, at_s=0.0)
    histogram = histogram.added(4.0, 1.0, at_s=DAY_S)
    assert histogram.percentile(0.33) < 1.1
    assert histogram.percentile(0.34) > 4.0
    later = histogram.added(2.0, 1.0, at_s=5000.0 * DAY_S)
    assert 2.0 <= later.percentile(0.01) < 2.2
    assert math.isfinite(later.total)


def test_what_is_not_known_is_not_said() -> None:
    assert MANAGER.sizing(MANAGER.beginning()) == Sizing()
    _, sizing = _fed(MANAGER.beginning(), Used(cores=None, memory_bytes=GIB), 0.0)
    assert sizing.cores is None
    assert sizing.memory_bytes is not None


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_sample_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="a sample must be 0 or more"):
        _fed(MANAGER.beginning(), Used(cores=value, memory_bytes=None), 0.0)


def test_a_kill_is_answered_with_a_bump_over_the_limit() -> None:
    state, _ = _fed(MANAGER.beginning(), Used(cores=0.1, memory_bytes=GIB), 0.0)
    state, sizing = _fed(state, Killed(limit_bytes=2 * GIB), 60.0)
    assert sizing.memory_bytes is not None
    assert 2.4 * GIB * 1.15 <= sizing.memory_bytes.target <= 2.4 * GIB * 1.15 * 1.06


def test_killed_again_and_again_at_the_same_limit_the_bump_stays_the_same() -> None:
    state, _ = _fed(MANAGER.beginning(), Used(cores=0.1, memory_bytes=GIB), 0.0)
    targets = set()
    for number in range(100):
        at_s = 60.0 + number * 3000.0  # three and a half days of a crash loop under a cap
        state, sizing = _fed(state, Killed(limit_bytes=2 * GIB), at_s)
        assert sizing.memory_bytes is not None
        targets.add(sizing.memory_bytes.target)
    assert len(targets) == 1


def test_a_loop_of_kills_ends_within_three_bumps_where_the_bumps_are_granted() -> None:
    need, limit, kills = 1.9 * GIB, 1.0 * GIB, 0
    state, _ = _fed(MANAGER.beginning(), Used(cores=0.1, memory_bytes=limit), 0.0)
    while limit < need:
        kills += 1
        state, sizing = _fed(state, Killed(limit_bytes=limit), kills * 600.0)
        assert sizing.memory_bytes is not None
        limit = sizing.memory_bytes.target
    assert kills <= 3


def test_no_bump_goes_beyond_what_a_container_may_have() -> None:
    manager = ResourceManager(SizingSettings(bytes_max=3.0 * GIB))
    state = manager.beginning()
    for number in range(20):
        state, sizing = manager.step(
            state, Killed(limit_bytes=2.9 * GIB), now_unix_ns=number * 10**12
        )
        assert sizing.memory_bytes is not None
        assert sizing.memory_bytes.target <= 3.0 * GIB
        assert state.bump_bytes <= 3.0 * GIB


def test_an_old_kill_tells_nothing() -> None:
    state, _ = _fed(MANAGER.beginning(), Used(cores=0.1, memory_bytes=GIB), 10.0 * DAY_S)
    same, _ = _fed(state, Killed(limit_bytes=8 * GIB), 8.0 * DAY_S)
    assert same == state


def test_bounds_are_the_wider_the_less_is_known() -> None:
    state, widths = MANAGER.beginning(), []
    for minute in range(3 * 1440):
        used = Used(cores=1.0, memory_bytes=None)
        state = MANAGER.taken(state, used, now_unix_ns=minute * 60 * 10**9)
        if minute in {60, 1440, 4319}:
            sizing = MANAGER.sizing(state)
            assert sizing.cores is not None
            widths.append(sizing.cores.upper / sizing.cores.lower)
    assert widths == sorted(widths, reverse=True)


def _day(rng: Random, level: float, day: int) -> tuple[list[float], list[float]]:
    """Hours of a day: memory around a level that grows 0.3 % a day, CPU like a working day.

    Memory: +-3 % by hour of the day, 1 % of chance, and on one day in four an hour of +6 %.
    CPU: 0.4 to 1 of the level, 5 % of chance, and one hour in fifty doubled.
    """
    base = level * 1.003**day
    burst = rng.randrange(24) if rng.random() < 0.25 else -1
    wave = [math.sin(2 * math.pi * hour / 24) for hour in range(24)]
    memory = [
        base * (1 + 0.03 * w + rng.gauss(0.0, 0.01) + 0.06 * (hour == burst))
        for hour, w in enumerate(wave)
    ]
    cores = [
        (0.7 + 0.3 * w) * (1 + rng.gauss(0.0, 0.05)) * (2.0 if rng.random() < 0.02 else 1.0)
        for w in wave
    ]
    return memory, [max(c, 0.0) * level / GIB for c in cores]


def test_on_stated_statistics_slack_is_small_and_nearly_no_day_has_a_kill() -> None:
    """Slack: what is requested over the day's mean use, as a share of the request."""
    rng, days, killed_days, memory_slack, cpu_short, cpu_count = Random(5), 0, 0, [], 0, 0
    for _ in range(20):
        level = rng.uniform(0.5, 8.0) * GIB
        state, granted, cores_granted = MANAGER.beginning(), math.inf, math.inf
        for day in range(40):
            memory, cores = _day(rng, level, day)
            if day >= 8:
                days += 1
                killed_days += max(memory) > granted
                memory_slack.append(1.0 - sum(memory) / 24 / granted)
                cpu_short += sum(c > cores_granted for c in cores)
                cpu_count += 24
            for hour in range(24):
                used = Used(cores=cores[hour], memory_bytes=memory[hour])
                at_s = day * DAY_S + hour * 3600.0
                state = MANAGER.taken(state, used, now_unix_ns=int(at_s * 1e9))
            sizing = MANAGER.sizing(state)
            assert sizing.memory_bytes is not None
            assert sizing.cores is not None
            granted, cores_granted = sizing.memory_bytes.target, sizing.cores.target
    assert days == 640
    assert killed_days <= 0.001 * days
    assert sum(memory_slack) / len(memory_slack) <= 0.25
    assert cpu_short <= 0.1 * cpu_count  # what a target of the 90th percentile promises
