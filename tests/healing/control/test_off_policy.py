"""What a policy would have been worth: both estimators, bounds that hold, and who is promoted."""

from dataclasses import replace
from random import Random

import pytest

from healing.control.off_policy import Logged, estimate, may_be_promoted


def _log(count: int, *, propensity: float, seed: int = 1) -> list[Logged]:
    """Two remedies, of which the second heals 0.9 and the first 0.3; tried by lot."""
    rng, log = Random(seed), []
    for _ in range(count):
        remedy = "b" if rng.random() < propensity else "a"
        reward = float(rng.random() < (0.9 if remedy == "b" else 0.3))
        chance = propensity if remedy == "b" else 1 - propensity
        wanted = (("a", 0.05), ("b", 0.95))
        log.append(
            Logged(
                context="c",
                remedy=remedy,
                rule="a",
                propensity=chance,
                reward=reward,
                policy=wanted,
            )
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
    assert may_be_promoted(estimate(_log(400, propensity=0.5)))
    assert not may_be_promoted(estimate(_log(40, propensity=0.5)))
    assert not may_be_promoted(estimate([]))
    assert estimate([]).count == 0


def test_a_policy_that_does_what_the_rules_do_gains_nothing_and_is_not_promoted() -> None:
    alike = [replace(item, policy=(("a", 1.0), ("b", 0.0))) for item in _log(4000, propensity=0.5)]
    found = estimate(alike)
    assert found.gain == pytest.approx(0.0)
    assert not may_be_promoted(found)


def test_a_policy_that_is_no_better_is_hardly_ever_promoted() -> None:
    rng, promoted = Random(9), 0
    for seed in range(100):
        equal = [
            replace(item, reward=float(rng.random() < 0.5))
            for item in _log(200, propensity=0.3, seed=seed)
        ]
        promoted += may_be_promoted(estimate(equal))
    assert promoted <= 2


def test_what_the_rules_do_well_is_not_clipped_away() -> None:
    rare = [replace(item, rule="b") for item in _log(4000, propensity=0.05)]
    kept = [replace(item, policy=(("a", 1.0), ("b", 0.0))) for item in rare]
    assert estimate(kept).gain == pytest.approx(0.3 - 0.9, abs=0.1)


def test_a_log_of_the_rules_alone_promotes_nothing_that_they_never_tried() -> None:
    only = [replace(item, remedy="a", propensity=1.0) for item in _log(500, propensity=0.5)]
    assert estimate(only).ips <= 0.05
