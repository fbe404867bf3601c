"""The HPA's sync: many metrics, bounds, stabilisation, policies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.control.hpa import Hpa, HpaDecision, HpaInput, HpaSettings, HpaState
from healing.control.hpa_behavior import Behavior, ScalingPolicy, ScalingRules
from healing.control.hpa_metrics import OutsideAverage, Reading

S = 1_000_000_000


def sync(
    hpa: Hpa, state: HpaState, replicas: int, wanted: list[int | str], at_s: int
) -> tuple[HpaState, HpaDecision]:
    readings = [
        Reading(target=OutsideAverage(value_milli=100), error=w)
        if isinstance(w, str)
        else Reading(target=OutsideAverage(value_milli=100), outside_milli=w * 100)
        for w in wanted
    ]
    seen = HpaInput(replicas=replicas, status_replicas=replicas, pods=(), readings=readings)
    return hpa.step(state, seen, now_unix_ns=at_s * S)


def follow(hpa: Hpa, replicas: int, wanted: list[int]) -> list[int]:
    state, seen = HpaState(), []
    for index, want in enumerate(wanted):
        state, decision = sync(hpa, state, replicas, [want], index * 15)
        replicas = decision.replicas
        seen.append(replicas)
    return seen


def test_the_largest_metric_wins() -> None:
    _, decision = sync(Hpa(HpaSettings(replicas_max=50)), HpaState(), 5, [3, 8, 6], 0)
    assert decision.replicas == 8
    assert decision.proposals == (3, 8, 6)


def test_a_failed_metric_stops_a_step_down_but_not_a_step_up() -> None:
    hpa = Hpa(HpaSettings(replicas_max=50))
    _, down = sync(hpa, HpaState(), 5, [3, "no data"], 0)
    assert (down.replicas, down.is_active) == (5, False)
    _, up = sync(hpa, HpaState(), 5, [9, "no data"], 0)
    assert (up.replicas, up.is_active) == (9, True)
    _, none = sync(hpa, HpaState(), 5, ["no data"], 0)
    assert (none.replicas, none.is_active) == (5, False)


@pytest.mark.parametrize(("replicas", "expected"), [(1, 3), (80, 50)])
def test_a_count_outside_of_the_bounds_is_moved_inside_first(replicas: int, expected: int) -> None:
    hpa = Hpa(HpaSettings(replicas_min=3, replicas_max=50))
    assert sync(hpa, HpaState(), replicas, [10], 0)[1].replicas == expected


def test_zero_replicas_switch_it_off_unless_zero_is_allowed() -> None:
    _, off = sync(Hpa(HpaSettings(replicas_max=9)), HpaState(), 0, [4], 0)
    assert (off.replicas, off.is_active) == (0, False)
    _, on = sync(Hpa(HpaSettings(replicas_min=0, replicas_max=9)), HpaState(), 0, [4], 0)
    assert (on.replicas, on.is_active) == (4, True)


def test_without_a_behaviour_it_at_most_doubles_or_goes_to_four_and_holds_five_minutes() -> None:
    hpa = Hpa(HpaSettings(replicas_max=100))
    assert follow(hpa, 1, [30, 30, 30, 30]) == [4, 8, 16, 30]
    seen = follow(hpa, 10, [4] * 30)
    assert (
        seen.index(4) == 21
    )  # 300 s after the first look, which counted 10; equal age still counts


def test_default_policies_allow_four_pods_or_double_in_15_s() -> None:
    hpa = Hpa(HpaSettings(replicas_max=100, behavior=Behavior()))
    assert follow(hpa, 1, [30, 30, 30, 30]) == [5, 10, 20, 30]


def rules(select: str, *policies: ScalingPolicy, stabilization_s: float = 0.0) -> ScalingRules:
    return ScalingRules(stabilization_s=stabilization_s, policies=policies, select=select)  # type: ignore[arg-type]


PODS2 = ScalingPolicy(kind="Pods", value=2, period_s=60)
TENTH = ScalingPolicy(kind="Percent", value=10, period_s=60)


@pytest.mark.parametrize(
    ("up", "down", "wanted", "expected"),
    [
        (rules("Max", PODS2, TENTH), Behavior().down, 90, [12, 12, 12, 12, 14]),
        (rules("Min", PODS2, TENTH), Behavior().down, 90, [11, 11, 11, 11, 13]),
        (rules("Disabled", PODS2), Behavior().down, 90, [10] * 5),
        (Behavior().up, rules("Max", PODS2, TENTH), 1, [8, 8, 8, 8, 6]),
        (Behavior().up, rules("Min", PODS2, TENTH), 1, [9, 9, 9, 9, 8]),
        (Behavior().up, rules("Disabled", PODS2), 1, [10] * 5),
    ],
)
def test_policies_limit_the_change_in_any_period(
    up: ScalingRules, down: ScalingRules, wanted: int, expected: list[int]
) -> None:
    hpa = Hpa(HpaSettings(replicas_max=100, behavior=Behavior(up=up, down=down)))
    assert follow(hpa, 10, [wanted] * 5) == expected


def test_a_window_upwards_takes_the_least_that_was_recommended_within_it() -> None:
    up = rules("Max", ScalingPolicy(kind="Pods", value=100, period_s=15), stabilization_s=60)
    hpa = Hpa(HpaSettings(replicas_max=100, behavior=Behavior(up=up)))
    assert follow(hpa, 5, [20, 12, 30, 30, 30, 30]) == [5, 5, 5, 5, 12, 30]


@given(
    wanted=st.lists(st.integers(0, 300), min_size=1, max_size=40),
    start=st.integers(2, 40),
    behavior=st.sampled_from([None, Behavior()]),
)
def test_it_stays_in_its_bounds_and_never_overtakes_the_wish(
    wanted: list[int], start: int, behavior: Behavior | None
) -> None:
    hpa = Hpa(HpaSettings(replicas_min=2, replicas_max=40, behavior=behavior))
    seen = follow(hpa, start, wanted)
    assert all(2 <= count <= 40 for count in seen)
    assert max(seen) <= max(start, *wanted, 2)
