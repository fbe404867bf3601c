import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.control.balancer.policies import POLICIES
from healing.control.balancer.values import Load
from healing.control.balancer.weighted_round_robin import Turns


def load(address: str, **known: float) -> Load:
    base = {"capacity": 1.0, "calls_per_s": 10.0, "error_ratio": 0.0, "in_flight": 1.0}
    return Load(address=address, **{"latency_ms": 10.0, **base, **known})


LOADS = st.lists(
    st.builds(
        Load,
        address=st.uuids().map(str),
        capacity=st.floats(0.1, 100),
        calls_per_s=st.floats(0, 1e4),
        error_ratio=st.floats(0, 1),
        latency_ms=st.none() | st.floats(0, 1e5),
        in_flight=st.floats(0, 1e4),
    ),
    max_size=8,
).map(tuple)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@given(loads=LOADS)
def test_every_policy_is_total_and_never_negative(policy: object, loads: tuple[Load, ...]) -> None:
    wishes = policy.wishes(loads)  # type: ignore[attr-defined]
    assert set(wishes) == {one.address for one in loads}
    assert all(0 <= wish < float("inf") for wish in wishes.values())


def test_equal_backends_get_equal_weights() -> None:
    loads = (load("a"), load("b"), load("c"))
    for policy in POLICIES.values():
        assert len(set(policy.wishes(loads).values())) == 1


def test_ten_times_slower_gets_a_tenth_by_latency() -> None:
    loads = (load("a"), load("b"), load("slow", latency_ms=100.0))
    wishes = POLICIES["response_time"].wishes(loads)
    assert wishes["slow"] == pytest.approx(wishes["a"] / 10)
    wishes = POLICIES["adaptive"].wishes(loads)
    assert wishes["slow"] == pytest.approx(wishes["a"] / 10)


def test_failing_quickly_is_no_speed() -> None:
    loads = (load("a"), load("b"), load("c", error_ratio=0.5, latency_ms=10.0))
    wishes = POLICIES["adaptive"].wishes(loads)
    assert wishes["c"] / sum(wishes.values()) < 0.15
    assert POLICIES["adaptive"].wishes((load("a"), load("b", error_ratio=1.0)))["b"] == 0


def test_least_connections_looks_at_calls_in_flight() -> None:
    wishes = POLICIES["least_connections"].wishes((load("a"), load("b", in_flight=3.0)))
    assert wishes["a"] == 2 * wishes["b"]


def test_turns_follow_the_weights_and_are_spread_out() -> None:
    turns, order = Turns(), []
    for _ in range(7):
        turns, taken = turns.next({"a": 5.0, "b": 1.0, "c": 1.0})
        order.append(taken)
    assert order == ["a", "a", "b", "a", "c", "a", "a"]  # nginx's own example
    assert Turns().next({"a": 0.0})[1] is None


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 9), min_size=1, max_size=6))
def test_in_a_whole_round_each_has_exactly_its_turns(weights: dict[str, int]) -> None:
    turns, taken = Turns(), []
    for _ in range(sum(weights.values())):
        turns, address = turns.next({a: float(w) for a, w in weights.items()})
        taken.append(address)
    assert {a: taken.count(a) for a in weights} == weights
