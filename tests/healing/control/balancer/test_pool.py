from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.control.balancer.governor import Given, GovernorSettings, govern
from healing.control.balancer.pool import (
    BalancerSettings,
    PoolInput,
    PoolState,
    PoolWeights,
    step,
)
from knowledge.traffic import Calls, Place

S = 1_000_000_000
NAMES = ("a", "b", "c")
SETTINGS = BalancerSettings()


def calls(address: str, second: int, ms: float, *, count: int = 30, errors: int = 0) -> Calls:
    ok = count - errors
    return Calls(
        address=address,
        end_unix_s=second,
        call_count=count,
        error_count=errors,
        ok_ms_sum=ms * ok,
        ok_ms_max=ms if ok else 0.0,
        busy_ms_sum=ms * count,
    )


class Pool:
    """One pool, a second at a time."""

    def __init__(self, *, is_allowed: bool = True) -> None:
        self.state, self.now = PoolState(), 1_000
        self.told = PoolInput(
            capacities=dict.fromkeys(NAMES, 1.0), policy="adaptive", calls=(), is_allowed=is_allowed
        )
        self.found = PoolWeights(in_force=(), proposed=(), telemetry_age_s=None)

    def run(self, seconds: int, ms: dict[str, float], failing: str = "") -> "Pool":
        for _ in range(seconds):
            self.now += 1
            told = tuple(calls(a, self.now, ms[a], errors=25 if a == failing else 0) for a in ms)
            self.state, self.found = step(
                self.state,
                replace(self.told, calls=told),
                SETTINGS,
                now_unix_ns=self.now * S,
                rng=lambda: 0.5,
            )
        return self

    def weight(self, address: str) -> float:
        return next(w.weight for w in self.found.in_force if w.address == address)

    def place(self, address: str) -> Place:
        return next(w.place for w in self.found.in_force if w.address == address)


FAST = dict.fromkeys(NAMES, 5.0)


def test_a_slow_backend_falls_within_10_s_keeps_its_floor_and_is_back_within_60() -> None:
    pool = Pool().run(20, FAST).run(10, {**FAST, "c": 50.0})
    assert 0.1 <= pool.weight("c") < 0.4
    pool.run(60, {**FAST, "c": 500.0})
    assert pool.weight("c") == pytest.approx(0.1)
    assert pool.run(60, FAST).weight("c") >= 0.8


def test_first_telemetry_changes_nothing() -> None:
    pool = Pool().run(10, {**FAST, "c": 50.0})
    assert pool.weight("c") == 1.0


def test_a_gap_holds_the_weights_and_a_long_one_ends_them() -> None:
    pool = Pool().run(20, FAST).run(20, {**FAST, "c": 50.0})
    assert pool.run(100, {}).weight("c") < 0.2
    assert pool.run(120, {}).weight("c") == pytest.approx(1.0, rel=0.1)


def test_what_may_not_be_written_is_proposed() -> None:
    pool = Pool(is_allowed=False).run(20, FAST).run(20, {**FAST, "c": 50.0})
    assert pool.weight("c") == 1.0
    assert next(w.weight for w in pool.found.proposed if w.address == "c") < 0.4


def test_who_fails_alone_is_out_and_comes_back_slowly() -> None:
    pool = Pool().run(20, FAST).run(8, FAST, failing="c")
    assert (pool.place("c"), pool.weight("c")) == ("ejected", 0.0)
    without = {"a": 5.0, "b": 5.0}
    pool.run(33 - 5, without)
    while pool.place("c") != "in":
        pool.run(1, without)
    assert 0 < pool.weight("c") < 0.3
    assert pool.run(45, FAST).weight("c") > 0.9


def test_the_unhealthy_are_out_while_there_is_room_and_come_back() -> None:
    pool = Pool().run(20, FAST)
    pool.told = replace(pool.told, unhealthy=frozenset({"c"}))
    assert pool.run(1, FAST).place("c") == "unhealthy"
    pool.told = replace(pool.told, unhealthy=frozenset(NAMES))
    assert {pool.run(1, FAST).place(name) for name in NAMES} == {"in"}


@given(
    wishes=st.dictionaries(
        st.sampled_from("abcdef"), st.none() | st.floats(0, 1e6), min_size=1, max_size=6
    ),
    out=st.sets(st.sampled_from("abcdef")),
    rounds=st.integers(1, 20),
)
def test_mean_is_one_and_nobody_in_is_below_the_floor(
    wishes: dict[str, float | None], out: set[str], rounds: int
) -> None:
    places: dict[str, Place] = {a: "ejected" if a in out else "in" for a in wishes}
    if "in" not in places.values():
        places[min(wishes)] = "in"
    settings, state = GovernorSettings(), Given(weights=dict.fromkeys(wishes, 1.0))
    for second in range(rounds):
        state, weights = govern(state, wishes, places, settings, now_unix_s=second)
        inside = [w.weight for w in weights if w.place == "in"]
        assert sum(inside) == pytest.approx(len(inside))
        assert min(inside) >= settings.floor_ratio * (1 - 1e-9)
        assert all(w.weight == 0 for w in weights if w.place != "in")
