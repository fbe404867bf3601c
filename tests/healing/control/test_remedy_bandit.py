"""The remedy bandit: what is not allowed is never taken, and what works is found, and again."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healing.control.off_policy import Logged, estimate, may_be_promoted
from healing.control.remedy_bandit import (
    Choice,
    RemedyBandit,
    RemedySettings,
    RemedyState,
    drawn,
)

REMEDIES = tuple("abcdef")
ACTIVE = RemedyBandit(RemedySettings(mode="active"))


class Incidents:
    """Six classes with one best remedy each, which heals 92 of 100; others heal 5 to 25 of 100."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.drift()

    def drift(self) -> None:
        """Another remedy becomes the best one, in each class."""
        order = list(REMEDIES)
        self.rng.shuffle(order)
        self.best = {f"class-{n}": order[n] for n in range(6)}

    def helps(self, context: str, remedy: str) -> bool:
        if remedy == self.best[context]:
            return self.rng.random() < 0.92
        return self.rng.random() < 0.05 + 0.2 * (ord(remedy) % 2)


def _incident(world: Incidents, state: RemedyState) -> tuple[RemedyState, Choice, int]:
    """One incident, tried until it is healed or three remedies did not help; the first choice."""
    context = f"class-{world.rng.randrange(6)}"
    allowed, first, attempts = REMEDIES, None, 0
    for _ in range(3):
        attempts += 1
        choice = ACTIVE.choose(state, context, allowed, draw=world.rng.random())
        first = first or choice
        helped = world.helps(context, choice.remedy)
        state = ACTIVE.learn(state, choice, has_helped=helped)
        if helped:
            break
        allowed = tuple(r for r in allowed if r != choice.remedy)
    assert first is not None
    return state, first, attempts


def _share(world: Incidents, state: RemedyState, count: int) -> tuple[RemedyState, float, float]:
    right = attempts = 0
    for _ in range(count):
        state, choice, tries = _incident(world, state)
        right += choice.remedy == world.best[choice.context]
        attempts += tries
    return state, right / count, attempts / count


def test_after_200_incidents_it_begins_with_the_best_and_after_a_drift_again_within_40() -> None:
    learnt, attempts, again = [], [], []
    for seed in range(3):
        world = Incidents(seed)
        state, _, _ = _share(world, RemedyState(), 200)
        state, share, tries = _share(world, state, 100)
        learnt.append(share)
        attempts.append(tries)
        world.drift()
        state, _, _ = _share(world, state, 40)
        _, share, _ = _share(world, state, 100)
        again.append(share)
    assert sum(learnt) / len(learnt) >= 0.9
    assert sum(attempts) / len(attempts) <= 1.3
    assert sum(again) / len(again) >= 0.8


def test_what_is_not_allowed_is_never_chosen_in_a_million_draws() -> None:
    rng = Random(3)
    for _ in range(100):
        records = {
            ("c", remedy): (rng.random() * 30, rng.random() * 30)
            for remedy in rng.sample(REMEDIES, rng.randrange(7))
        }
        state = RemedyState(records=records)
        allowed = tuple(rng.sample(REMEDIES, rng.randrange(1, 7)))
        policy = ACTIVE.policy(state, "c", allowed)
        assert {remedy for remedy, _ in policy} == set(allowed)
        assert sum(p for _, p in policy) == pytest.approx(1.0)
        chosen = {drawn(policy, rng.random()) for _ in range(10_000)}
        assert chosen <= set(allowed)
        assert ACTIVE.choose(state, "c", allowed, draw=rng.random()).remedy in allowed


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0, exclude_max=True))
def test_the_same_draw_on_the_same_state_is_the_same_choice_with_its_propensity(
    seed: int, draw: float
) -> None:
    world = Incidents(seed)
    state, _, _ = _share(world, RemedyState(), 5)
    one, other = (ACTIVE.choose(state, "class-0", REMEDIES, draw=draw) for _ in range(2))
    assert one == other
    assert one.propensity == dict(one.policy)[one.remedy]
    assert one.propensity >= 0.01 / 6


def test_a_propensity_is_the_share_of_draws() -> None:
    world = Incidents(1)
    state, _, _ = _share(world, RemedyState(), 20)
    policy = dict(ACTIVE.policy(state, "class-0", REMEDIES))
    draws = [ACTIVE.choose(state, "class-0", REMEDIES, draw=(n + 0.5) / 5000) for n in range(5000)]
    for remedy, probability in policy.items():
        share = sum(choice.remedy == remedy for choice in draws) / 5000
        assert share == pytest.approx(probability, abs=0.001)


def test_a_shadow_takes_what_the_rules_take() -> None:
    bandit, state = RemedyBandit(RemedySettings()), RemedyState()
    for number in range(200):
        choice = bandit.choose(state, "c", ("b", "a"), draw=number / 200)
        assert (choice.remedy, choice.propensity) == ("b", 1.0)
        state = bandit.learn(state, choice, has_helped=False)
    assert choice.proposed == "a"
    assert "shadow: would have used a" in choice.reason


def test_doing_worse_than_the_rules_brings_the_rules_back_at_once() -> None:
    state = RemedyState()
    for number in range(20):
        choice = ACTIVE.choose(state, "c", REMEDIES, draw=0.99)
        state = ACTIVE.learn(state, choice, has_helped=number % 2 == 0, baseline=0.8)
    assert state.is_fallen_back
    assert ACTIVE.choose(state, "c", REMEDIES, draw=0.99).remedy == "a"


def test_nothing_to_choose_from_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one remedy"):
        ACTIVE.choose(RemedyState(), "c", (), draw=0.0)


def _log(count: int, *, propensity: float, seed: int = 1) -> list[Logged]:
    """Two remedies, of which the second heals 0.9 and the first 0.3; tried by lot."""
    rng, log = Random(seed), []
    for _ in range(count):
        remedy = "b" if rng.random() < propensity else "a"
        reward = float(rng.random() < (0.9 if remedy == "b" else 0.3))
        chance = propensity if remedy == "b" else 1 - propensity
        wanted = (("a", 0.05), ("b", 0.95))
        log.append(
            Logged(context="c", remedy=remedy, propensity=chance, reward=reward, policy=wanted)
        )
    return log


def test_both_estimators_find_what_a_policy_is_worth_and_the_bound_lies_below() -> None:
    found = estimate(_log(4000, propensity=0.3), model=lambda _c, r: 0.8 if r == "b" else 0.4)
    truth = 0.05 * 0.3 + 0.95 * 0.9
    assert found.ips == pytest.approx(truth, abs=0.05)
    assert found.doubly_robust == pytest.approx(truth, abs=0.05)
    assert found.lower < truth


def test_the_bound_holds_in_nearly_all_logs() -> None:
    truth = 0.05 * 0.3 + 0.95 * 0.9
    lower = [estimate(_log(100, propensity=0.4, seed=s)).lower for s in range(100)]
    assert sum(bound <= truth for bound in lower) >= 95


def test_it_is_promoted_only_on_enough_and_sure_evidence() -> None:
    assert may_be_promoted(estimate(_log(4000, propensity=0.5)), baseline=0.5)
    assert not may_be_promoted(estimate(_log(40, propensity=0.5)), baseline=0.0)
    assert not may_be_promoted(estimate(_log(4000, propensity=0.5)), baseline=0.9)
    assert estimate([]).count == 0


def test_a_log_of_the_rules_alone_promotes_nothing_that_they_never_tried() -> None:
    only = [replace(item, remedy="a", propensity=1.0) for item in _log(500, propensity=0.5)]
    assert estimate(only).ips <= 0.05
