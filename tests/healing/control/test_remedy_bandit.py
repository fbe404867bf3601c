"""The remedy bandit: what is not allowed is never taken, and what works is found, and again."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.learning.incidents import REMEDIES, Treated, by_bandit, by_rules, life
from healing.control.changing_record import Era
from healing.control.remedy_bandit import BanditSettings, RemedyBandit, RemedyState, drawn

BANDIT = RemedyBandit(BanditSettings())
DRIFT_AT = 300


def _share(treated: list[Treated]) -> float:
    return sum(one.is_best for one in treated) / len(treated)


def test_after_200_incidents_it_begins_with_the_best_and_after_a_drift_again_within_40() -> None:
    learnt: list[Treated] = []
    again: list[Treated] = []
    for seed in range(3):
        told = life(by_bandit(BANDIT), seed, count=440, drift_at=DRIFT_AT, is_told=False)
        learnt += told[200:DRIFT_AT]
        again += told[DRIFT_AT + 40 :]
    assert _share(learnt) >= 0.9
    assert sum(one.attempts for one in learnt) / len(learnt) <= 1.3
    assert _share(again) >= 0.9


def test_the_rules_do_not_learn() -> None:
    told = life(by_rules, 1, count=440, drift_at=DRIFT_AT, is_told=False)
    assert _share(told) < 0.4


def _learnt(seed: int, count: int) -> RemedyState:
    rng, state = Random(seed), RemedyState()
    for _ in range(count):
        context = f"class-{rng.randrange(3)}"
        choice = BANDIT.choose(state, context, REMEDIES, draw=rng.random(), say="promoted")
        state = BANDIT.learn(state, choice, has_helped=rng.random() < 0.5)
    return state


def test_a_change_in_some_contexts_makes_it_quicker_to_doubt_in_another() -> None:
    change = BanditSettings().change
    steady = RemedyState(
        eras={
            name: (Era(weight=1.0, born=None, counts={"a": (30, 2)}),) for name in ("one", "two")
        },
        outcome_count=200,
    )
    moved = replace(
        steady,
        eras={**steady.eras, "two": (Era(weight=1.0, born=195, counts={"b": (2, 0)}),)},
    )
    choice = BANDIT.choose(steady, "one", REMEDIES, draw=0.5, say="promoted")
    doubts = [
        sum(
            era.weight
            for era in BANDIT.learn(state, replace(choice, remedy="a"), has_helped=False).eras[
                "one"
            ]
            if era.born is not None
        )
        for state in (steady, moved)
    ]
    assert doubts[1] > 5 * doubts[0] > 0.0
    assert change.pooled_hazard > change.hazard


@pytest.mark.parametrize("say", ["shadow", "trial", "promoted"])
def test_what_is_not_allowed_is_never_chosen_in_a_million_draws(say: str) -> None:
    rng = Random(3)
    for round_ in range(34):
        state = _learnt(round_, rng.randrange(40))
        allowed = tuple(rng.sample(REMEDIES, rng.randrange(1, 7)))
        policy = BANDIT.policy(state, "class-0", allowed)
        assert tuple(remedy for remedy, _ in policy) == allowed
        assert sum(p for _, p in policy) == pytest.approx(1.0)
        assert {drawn(policy, rng.random()) for _ in range(9_900)} <= set(allowed)
        for _ in range(10):
            choice = BANDIT.choose(
                state,
                "class-0",
                allowed,
                draw=rng.random(),
                say=say,  # type: ignore[arg-type]  # tests name it as text
                trial_ratio=0.5,
            )
            assert {choice.remedy, choice.proposed} <= set(allowed)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0, exclude_max=True))
def test_the_same_draw_on_the_same_state_is_the_same_choice_with_its_propensity(
    seed: int, draw: float
) -> None:
    state = _learnt(seed, 12)
    one, other = (
        BANDIT.choose(state, "class-0", REMEDIES, draw=draw, say="promoted") for _ in range(2)
    )
    assert one == other
    assert one.propensity == pytest.approx(dict(one.policy)[one.remedy])
    assert one.propensity >= 0.01 / 6


def test_a_propensity_is_the_share_of_draws() -> None:
    state = _learnt(1, 20)
    choices = [
        BANDIT.choose(
            state, "class-0", REMEDIES, draw=(n + 0.5) / 5000, say="trial", trial_ratio=0.3
        )
        for n in range(5000)
    ]
    for choice in {choice.remedy: choice for choice in choices}.values():
        share = sum(other.remedy == choice.remedy for other in choices) / 5000
        assert share == pytest.approx(choice.propensity, abs=0.001)


def test_a_shadow_takes_what_the_rules_take() -> None:
    state = RemedyState()
    for number in range(200):
        choice = BANDIT.choose(state, "c", ("b", "a"), draw=number / 200)
        assert (choice.remedy, choice.propensity) == ("b", 1.0)
        state = BANDIT.learn(state, choice, has_helped=False)
    assert choice.proposed == "a"
    assert "shadow: a with probability" in choice.reason


def test_doing_worse_than_the_rules_brings_the_rules_back_at_once() -> None:
    state = RemedyState()
    first = BANDIT.choose(state, "c", REMEDIES, draw=0.99, say="promoted")
    for _ in range(20):
        state = BANDIT.learn(state, replace(first, remedy="a"), has_helped=True)
    for _ in range(20):
        assert not state.is_fallen_back
        state = BANDIT.learn(state, replace(first, remedy="f"), has_helped=False)
    assert state.is_fallen_back
    again = BANDIT.choose(state, "c", REMEDIES, draw=0.99, say="promoted")
    assert (again.remedy, again.propensity) == ("a", 1.0)


def test_nothing_to_choose_from_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one remedy"):
        BANDIT.choose(RemedyState(), "c", (), draw=0.0)


def test_a_number_at_the_very_end_falls_to_a_remedy_that_has_a_chance() -> None:
    assert drawn((("a", 1.0 - 1e-16), ("b", 0.0)), 1.0 - 1e-17) == "a"
