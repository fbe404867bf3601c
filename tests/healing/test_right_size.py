"""Right-sizing of what is opted in: recommended by the minute, in shares of the present limit."""

from dataclasses import replace

from healing.right_size import RightSizeState, step
from tests.healing.conftest import NOW, SECOND_NS, World

MINUTE_NS = 60 * SECOND_NS


def _after(world: World, minutes: int, state: RightSizeState | None = None) -> RightSizeState:
    state = state or RightSizeState()
    for minute in range(minutes):
        state, _ = step(state, world.report(), now_unix_ns=NOW + minute * MINUTE_NS)
    return state


def test_a_target_lies_a_margin_above_what_is_used(world: World) -> None:
    state = _after(world, 60)
    _, (sized,) = step(state, world.report(), now_unix_ns=NOW + 60 * MINUTE_NS)
    assert sized.workload == "Deployment shop/back"
    assert sized.cpu_target is not None
    assert sized.memory_target is not None
    assert 0.3 * 1.15 <= sized.cpu_target <= 0.3 * 1.15 * 1.07
    assert 0.3 * 1.15 <= sized.memory_target <= 0.3 * 1.15 * 1.07
    assert sized.confidence_days > 0.04


def test_between_two_looks_nothing_new_is_said(world: World) -> None:
    state, first = step(RightSizeState(), world.report(), now_unix_ns=NOW)
    same, then = step(state, world.report(), now_unix_ns=NOW + MINUTE_NS - 1)
    assert first
    assert then == ()
    assert same is state
    assert step(state, None, now_unix_ns=NOW + MINUTE_NS) == (state, ())


def test_a_new_release_begins_anew_and_what_is_not_opted_in_is_not_looked_at(world: World) -> None:
    state = _after(world, 30)
    world.workload = replace(world.workload, revision=3)
    world.pod = replace(world.pod, revision=3, cpu_ratio=0.1)
    _, (sized,) = step(state, world.report(), now_unix_ns=NOW + 30 * MINUTE_NS)
    assert sized.cpu_target is not None
    assert sized.cpu_target < 0.13
    world.workload = replace(world.workload, is_opted_in=False)
    _, nothing = step(state, world.report(), now_unix_ns=NOW + 30 * MINUTE_NS)
    assert nothing == ()


def test_a_kill_asks_for_more_than_the_limit_and_is_counted_once(world: World) -> None:
    state = _after(world, 5)
    world.pod = replace(world.pod, restart_count=1, oom_killed=True)
    state, (sized,) = step(state, world.report(), now_unix_ns=NOW + 5 * MINUTE_NS)
    assert sized.memory_target is not None
    assert sized.memory_target > 1.2
    state, (again,) = step(state, world.report(), now_unix_ns=NOW + 6 * MINUTE_NS)
    assert again.memory_target == sized.memory_target


def test_use_that_is_not_known_gives_no_figure(world: World) -> None:
    world.pod = replace(world.pod, cpu_ratio=None, memory_ratio=None)
    _, (sized,) = step(RightSizeState(), world.report(), now_unix_ns=NOW)
    assert (sized.cpu_target, sized.memory_target) == (None, None)
