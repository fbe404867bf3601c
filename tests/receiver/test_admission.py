"""The gate: bounded, work-conserving, and fair when it is contended."""

import pytest

from receiver.admission import ACTIVE_S, LATE_S, Gate
from receiver.refusal import Refusal


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def gate(clock: Clock | None = None, **limits: int) -> Gate:
    return Gate(**{"bytes_max": 100, "requests_max": 100, "monotonic_s": clock or Clock()} | limits)  # type: ignore[arg-type]  # mixed values


def reason(refusal: Refusal | None) -> str | None:
    return refusal.reason if refusal else None


def test_a_lone_client_may_take_all() -> None:
    house = gate()
    assert [reason(house.enter(10, "a")) for _ in range(11)] == [None] * 10 + ["overloaded"]
    assert house.in_flight() == (10, 100)


def test_a_request_larger_than_the_gate_passes_through_an_empty_house_only() -> None:
    house = gate()
    assert house.enter(1000, "a") is None
    assert reason(house.enter(1, "b")) == "overloaded"
    house.leave(1000, "a")
    assert house.enter(1, "b") is None


def test_requests_are_bounded_too() -> None:
    house = gate(requests_max=2)
    assert [reason(house.enter(0, c)) for c in "abc"] == [None, None, "overloaded"]


def test_a_greedy_client_leaves_the_others_their_part() -> None:
    house = gate()
    assert house.enter(1, "modest") is None
    greedy = [reason(house.enter(5, "greedy")) for _ in range(20)]
    assert greedy.count(None) == 10  # its half, and not one byte of the other part
    assert set(greedy[10:]) == {"over_share"}
    assert [reason(house.enter(5, "modest")) for _ in range(9)] == [None] * 9


def test_ten_times_its_share_costs_another_client_nothing() -> None:
    clock = Clock()
    house = gate(clock)
    accepted = {"modest": 0, "greedy": 0}
    in_flight: list[tuple[int, str]] = []
    for tick in range(1000):
        clock.now_s = tick / 100
        for client, tries in (("greedy", 10), ("modest", 1)):
            for _ in range(tries):
                if house.enter(5, client) is None:
                    accepted[client] += 1
                    in_flight.append((5, client))
        for size, client in in_flight[:2]:  # two are worked off each tick, eleven come
            house.leave(size, client)
        del in_flight[:2]
    assert accepted["modest"] >= 900


def test_a_client_that_went_away_does_not_count_for_ever() -> None:
    clock = Clock()
    house = gate(clock)
    house.enter(1, "gone")
    house.leave(1, "gone")
    clock.now_s = ACTIVE_S + 1
    assert [reason(house.enter(10, "a")) for _ in range(10)] == [None] * 10


@pytest.mark.parametrize(("ratio", "admitted"), [(1.0, 10), (0.5, 5), (0.0, 0)])
def test_pressure_narrows_the_gate(ratio: float, admitted: int) -> None:
    house = gate()
    house.open(ratio)
    outcomes = [reason(house.enter(10, "a")) for _ in range(12)]
    assert outcomes.count(None) == admitted
    assert outcomes[-1] == ("memory" if ratio == 0 else "overloaded")


def test_a_long_queue_takes_no_more_of_those_that_fill_it() -> None:
    house = gate()
    assert [reason(house.enter(1, "greedy")) for _ in range(3)] == [None] * 3
    house.waited(LATE_S + 0.1)
    assert reason(house.enter(1, "greedy")) == "overloaded"
    assert reason(house.foretell("greedy")) == "overloaded"
    assert house.enter(1, "modest") is None
    house.waited(LATE_S - 0.1)
    assert reason(house.enter(1, "greedy")) == "overloaded"
    house.waited(0.1)
    assert house.enter(1, "greedy") is None
