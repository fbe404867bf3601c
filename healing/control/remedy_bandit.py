"""Which remedy first: a contextual bandit among those that the planner allows.

Thompson's probability matching (Thompson 1933; Chapelle and Li 2011, "An Empirical Evaluation of
Thompson Sampling") on Beta posteriors for each context and remedy, with two changes. Its
probabilities are computed by quadrature and not by drawing, so that each choice has an exact
propensity to be logged, and one number in [0, 1) replays it. And a remedy that fails in a way that
its record makes improbable makes its context begin anew: the world has changed (as in Mellor and
Shapiro 2013, "Thompson Sampling in Switching Environments", with a test in the place of a prior).

It is a shadow unless told otherwise: the rule's choice is taken, and its own is told.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

GRID: Final = 100
"""Points of the quadrature on (0, 1)."""
Record = tuple[float, float]
"""Weighted successes and failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedySettings:
    """How much the rule's order is believed at first, and how fast what is learnt fades."""

    mode: Literal["shadow", "active"] = "shadow"
    rule_prior: Record = (1.5, 1.0)  # of the remedy that the rules would take
    other_prior: Record = (1.0, 1.5)
    discount: float = 0.995  # of the record of a context, with each outcome in it
    floor: float = 0.01  # each allowed remedy keeps this probability, shared out: it can be judged
    surprise: float = 0.04  # outcomes less probable than this are another world's
    recent: int = 2  # outcomes in a row that are looked at for that
    fallback_count: int = 20  # the last outcomes that are compared with the baseline ...
    fallback_ratio: float = 0.9  # ... below this share of it the rules are back at once

    def __post_init__(self) -> None:
        if not 0.0 <= self.floor < 1.0 or not 0.0 < self.discount <= 1.0:
            raise ValueError("expected a floor in [0, 1) and a discount in (0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyState:
    """What is learnt, by (context, remedy); the last outcomes of each; and those of all."""

    records: Mapping[tuple[str, str], Record] = field(default_factory=dict)
    recent: Mapping[tuple[str, str], tuple[bool, ...]] = field(default_factory=dict)
    outcomes: tuple[bool, ...] = ()
    is_fallen_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice as it is logged: `propensity` is the probability with which it was taken.

    `policy`: the bandit's own probabilities; `proposed`: what it would have taken.
    """

    context: str
    remedy: str
    propensity: float
    proposed: str
    policy: tuple[tuple[str, float], ...]
    reason: str


class RemedyBandit:
    """The chooser; `allowed` is the planner's, in the order of the rules, and never left."""

    def __init__(self, settings: RemedySettings) -> None:
        self._settings = settings

    def choose(
        self, state: RemedyState, context: str, allowed: tuple[str, ...], *, draw: float
    ) -> Choice:
        """Choose among `allowed`, which is not empty; `draw` is a number in [0, 1)."""
        policy = self.policy(state, context, allowed)
        proposed = drawn(policy, draw)
        if self._settings.mode == "shadow" or state.is_fallen_back:
            why = "the rules are back" if state.is_fallen_back else "shadow"
            return Choice(
                context=context,
                remedy=allowed[0],
                propensity=1.0,
                proposed=proposed,
                policy=policy,
                reason=f"{why}: would have used {proposed}",
            )
        return Choice(
            context=context,
            remedy=proposed,
            propensity=dict(policy)[proposed],
            proposed=proposed,
            policy=policy,
            reason=f"drawn with probability {dict(policy)[proposed]:.2f}",
        )

    def policy(
        self, state: RemedyState, context: str, allowed: tuple[str, ...]
    ) -> tuple[tuple[str, float], ...]:
        """Return the probability of each allowed remedy: that it is the best, and the floor."""
        if not allowed:
            raise ValueError("expected at least one remedy to choose from")
        settings = self._settings
        posteriors = tuple(
            self._posterior(state, context, remedy, is_rule=index == 0)
            for index, remedy in enumerate(allowed)
        )
        best = _best_probabilities(posteriors)
        share = settings.floor / len(allowed)
        return tuple(
            (remedy, share + (1.0 - settings.floor) * p)
            for remedy, p in zip(allowed, best, strict=True)
        )

    def _posterior(self, state: RemedyState, context: str, remedy: str, *, is_rule: bool) -> Record:
        prior = self._settings.rule_prior if is_rule else self._settings.other_prior
        won, lost = state.records.get((context, remedy), (0.0, 0.0))
        return (round(prior[0] + won, 1), round(prior[1] + lost, 1))

    def learn(
        self, state: RemedyState, choice: Choice, *, has_helped: bool, baseline: float = 0.0
    ) -> RemedyState:
        """Take an outcome in. `baseline`: the share that the rules heal, for the fallback."""
        settings, key = self._settings, (choice.context, choice.remedy)
        last = (*state.recent.get(key, ()), has_helped)[-settings.recent :]
        records = dict(state.records)
        recent = {**state.recent, key: last}
        if self._is_surprising(records.get(key, (0.0, 0.0)), last):
            for known in [k for k in records if k[0] == choice.context]:
                del records[known]
                recent.pop(known, None)
        for known in [k for k in records if k[0] == choice.context]:
            won, lost = records[known]
            records[known] = (won * settings.discount, lost * settings.discount)
        won, lost = records.get(key, (0.0, 0.0))
        records[key] = (won + has_helped, lost + (not has_helped))
        outcomes = (*state.outcomes, has_helped)[-settings.fallback_count :]
        fell = (
            len(outcomes) == settings.fallback_count
            and sum(outcomes) / len(outcomes) < settings.fallback_ratio * baseline
        )
        return replace(
            state,
            records=records,
            recent=recent,
            outcomes=outcomes,
            is_fallen_back=state.is_fallen_back or (settings.mode == "active" and fell),
        )

    def _is_surprising(self, record: Record, last: tuple[bool, ...]) -> bool:
        """Whether only failures, so many in a row, are improbable by what was seen before."""
        settings = self._settings
        if len(last) < settings.recent or any(last):
            return False
        won, lost = record
        before = max(
            lost - (settings.recent - 1), 0.0
        )  # the failures in question are not the record
        rate = (won + 1.0) / (won + before + 2.0)
        return math.pow(1.0 - rate, settings.recent) < settings.surprise


def drawn(policy: tuple[tuple[str, float], ...], draw: float) -> str:
    """Return the remedy that a number in [0, 1) falls to."""
    left = draw
    for remedy, probability in policy:
        left -= probability
        if left < 0.0:
            return remedy
    return policy[-1][0]


@lru_cache(maxsize=16_384)
def _best_probabilities(posteriors: tuple[Record, ...]) -> tuple[float, ...]:
    """The probability that each is the greatest: the integral of its density and others' cdf."""
    if len(posteriors) == 1:
        return (1.0,)
    tables = [_beta(*posterior) for posterior in posteriors]
    found = []
    for index, (density, _) in enumerate(tables):
        others = [cdf for number, (_, cdf) in enumerate(tables) if number != index]
        found.append(
            sum(d * math.prod(cdf[point] for cdf in others) for point, d in enumerate(density))
        )
    total = sum(found)
    return tuple(value / total for value in found)


@lru_cache(maxsize=4_096)
def _beta(won: float, lost: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Weights of a Beta density on the grid, summing to one, and the cdf at each point's middle."""
    points = [(index + 0.5) / GRID for index in range(GRID)]
    logs = [(won - 1.0) * math.log(p) + (lost - 1.0) * math.log1p(-p) for p in points]
    top = max(logs)
    weights = [math.exp(value - top) for value in logs]
    total = sum(weights)
    density = tuple(weight / total for weight in weights)
    cdf, summed = [], 0.0
    for weight in density:
        cdf.append(summed + weight / 2.0)
        summed += weight
    return density, tuple(cdf)
