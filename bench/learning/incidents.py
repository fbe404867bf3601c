"""Incidents of several classes, each with one remedy that nearly always helps; and who treats them.

Made up, from stated figures: six classes by lot, six remedies; the best of a class heals 92 of 100,
the others 5 or 25. Up to three remedies are tried in an incident, none of them twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from healing.control.remedy_bandit import RemedyBandit, RemedyState

REMEDIES: Final = tuple("abcdef")
CLASSES: Final = tuple(f"class-{number}" for number in range(6))
BEST_RATE: Final = 0.92
OTHER_RATES: Final = (0.05, 0.25)
TRIES_MAX: Final = 3


class Incidents:
    """A world; `rng` draws its incidents and what helps."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        order = list(REMEDIES)
        self.rng.shuffle(order)
        self.best = dict(zip(CLASSES, order, strict=True))

    def drift(self) -> None:
        """Another remedy becomes the best one, in each class."""
        order, before = list(REMEDIES), self.best
        while any(before[name] == remedy for name, remedy in zip(CLASSES, order, strict=True)):
            self.rng.shuffle(order)
        self.best = dict(zip(CLASSES, order, strict=True))

    def rate(self, context: str, remedy: str) -> float:
        """The share of incidents of a class that a remedy heals."""
        is_best = remedy == self.best[context]
        return BEST_RATE if is_best else OTHER_RATES[REMEDIES.index(remedy) % 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Treated:
    """One incident: whether the first choice was the best, what it lost, how many were tried."""

    is_best: bool
    regret: float
    attempts: int


Treat = Callable[[Incidents, RemedyState], tuple[RemedyState, Treated]]


def by_bandit(bandit: RemedyBandit) -> Treat:
    """Return how a promoted bandit treats an incident."""

    def treat(world: Incidents, state: RemedyState) -> tuple[RemedyState, Treated]:
        context = world.rng.choice(CLASSES)
        allowed, first, attempts = REMEDIES, "", 0
        while attempts < TRIES_MAX:
            attempts += 1
            draw = world.rng.random()
            choice = bandit.choose(state, context, allowed, draw=draw, say="promoted")
            first = first or choice.remedy
            has_helped = world.rng.random() < world.rate(context, choice.remedy)
            state = bandit.learn(state, choice, has_helped=has_helped)
            if has_helped:
                break
            allowed = tuple(remedy for remedy in allowed if remedy != choice.remedy)
        return state, _treated(world, context, first, attempts)

    return treat


def by_rules(world: Incidents, state: RemedyState) -> tuple[RemedyState, Treated]:
    """Always the same order."""
    context, attempts = world.rng.choice(CLASSES), 0
    for remedy in REMEDIES[:TRIES_MAX]:
        attempts += 1
        if world.rng.random() < world.rate(context, remedy):
            break
    return state, _treated(world, context, REMEDIES[0], attempts)


def _treated(world: Incidents, context: str, first: str, attempts: int) -> Treated:
    return Treated(
        is_best=first == world.best[context],
        regret=BEST_RATE - world.rate(context, first),
        attempts=attempts,
    )


def life(treat: Treat, seed: int, *, count: int, drift_at: int, is_told: bool) -> list[Treated]:
    """Return the incidents of a life, in which all best remedies change at `drift_at`.

    `is_told`: what was learnt is forgotten right then: nobody could begin anew sooner.
    """
    world, state, treated = Incidents(seed), RemedyState(), []
    for number in range(count):
        if number == drift_at:
            world.drift()
            state = RemedyState() if is_told else state
        state, found = treat(world, state)
        treated.append(found)
    return treated
