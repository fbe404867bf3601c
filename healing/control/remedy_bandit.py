"""Which remedy first: a contextual bandit among those that the planner allows.

Thompson's probability matching (Thompson 1933; Chapelle and Li 2011, "An Empirical Evaluation of
Thompson Sampling") on Beta posteriors for each context and remedy, in a world that may change
(`changing_record`). The probabilities are computed by quadrature and not by drawing, so that each
choice has an exact propensity to be logged, and one number in [0, 1) replays it; and they are
sharpened, since what was not tried first is tried next where the first did not help.

It is a shadow unless told otherwise: the rule's choice is taken, and its own is told.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

from healing.control.changing_record import (
    FIRST,
    ChangeSettings,
    Era,
    changed_lately,
    seen,
)
from knowledge.remedies import RemedyChoice

GRID: Final = 64
"""Points of the quadrature on (0, 1)."""
Beta = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditSettings:
    """How much the rule's order is believed, how it explores, and when the rules come back."""

    change: ChangeSettings = field(default_factory=ChangeSettings)
    rule_bonus: float = 0.5  # successes that speak for the rule's remedy before any is seen
    sharpness: float = 5.0  # power of the probabilities of being the best
    floor: float = 0.01  # each allowed remedy keeps this probability, shared out: it can be judged
    fallback_count: int = 20  # its own last outcomes that are compared with the rules' ...
    fallback_ratio: float = 0.9  # ... below this share of theirs the rules are back at once

    def __post_init__(self) -> None:
        if not 0.0 <= self.floor < 1.0 or self.sharpness <= 0.0:
            raise ValueError("expected a floor in [0, 1) and a sharpness above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyState:
    """What is learnt, by context, and from how many outcomes.

    `own`: its last choices that were not the rules': whether they helped, and the share that the
    rules' remedy heals there, as far as that was seen.
    """

    eras: Mapping[str, tuple[Era, ...]] = field(default_factory=dict)
    outcome_count: int = 0
    own: tuple[tuple[bool, float], ...] = ()
    is_fallen_back: bool = False


Say = Literal["shadow", "trial", "promoted"]


class RemedyBandit:
    """The chooser; `allowed` is the planner's, in the order of the rules, and never left."""

    def __init__(self, settings: BanditSettings) -> None:
        self._settings = settings

    def choose(
        self,
        state: RemedyState,
        context: str,
        allowed: tuple[str, ...],
        *,
        draw: float,
        say: Say = "shadow",
        trial_ratio: float = 0.0,
    ) -> RemedyChoice:
        """Choose among `allowed`, which is not empty; `draw` is a number in [0, 1).

        `say`: in the shadow and after a fallback the rules' choice is taken; on trial a lot of
        `trial_ratio` is its own; promoted it decides.
        """
        policy = self.policy(state, context, allowed)
        own = (
            0.0 if state.is_fallen_back else {"shadow": 0.0, "promoted": 1.0}.get(say, trial_ratio)
        )
        mixed = tuple(
            (remedy, own * p + (1.0 - own) * (remedy == allowed[0])) for remedy, p in policy
        )
        remedy, proposed = drawn(mixed, draw), drawn(policy, draw)
        why = "the rules are back" if state.is_fallen_back else say
        return RemedyChoice(
            context=context,
            remedy=remedy,
            rule=allowed[0],
            propensity=dict(mixed)[remedy],
            proposed=proposed,
            policy=policy,
            reason=f"{why}: {proposed} with probability {dict(policy)[proposed]:.2f}",
        )

    def policy(
        self, state: RemedyState, context: str, allowed: tuple[str, ...]
    ) -> tuple[tuple[str, float], ...]:
        """Return its probability of each allowed remedy."""
        if not allowed:
            raise ValueError("expected at least one remedy to choose from")
        settings = self._settings
        best = [0.0] * len(allowed)
        for era in state.eras.get(context, FIRST):
            found = _best_probabilities(self._posteriors(era, allowed))
            best = [total + era.weight * p for total, p in zip(best, found, strict=True)]
        sharp = [p**settings.sharpness for p in best]
        total, share = sum(sharp), settings.floor / len(allowed)
        return tuple(
            (remedy, share + (1.0 - settings.floor) * p / total)
            for remedy, p in zip(allowed, sharp, strict=True)
        )

    def _posteriors(self, era: Era, allowed: tuple[str, ...]) -> tuple[Beta, ...]:
        (a, b), bonus = self._settings.change.prior, self._settings.rule_bonus
        counts = [era.counts.get(remedy, (0, 0)) for remedy in allowed]
        return tuple(
            (a + won + bonus * (index == 0), b + lost) for index, (won, lost) in enumerate(counts)
        )

    def learn(self, state: RemedyState, choice: RemedyChoice, *, has_helped: bool) -> RemedyState:
        """Take an outcome in; doing worse than the rules did brings them back at once."""
        settings, context = self._settings, choice.context
        number = state.outcome_count
        eras = seen(
            state.eras.get(context, FIRST),
            choice.remedy,
            has_helped=has_helped,
            number=number,
            hazard=self._hazard(state, context),
            settings=settings.change,
        )
        state = replace(state, eras={**state.eras, context: eras}, outcome_count=number + 1)
        if choice.remedy == choice.rule:
            return state
        own = (*state.own, (has_helped, _share(eras, choice.rule)))[-settings.fallback_count :]
        by_rules = sum(share for _, share in own)
        fell = len(own) == settings.fallback_count and (
            sum(helped for helped, _ in own) < settings.fallback_ratio * by_rules
        )
        return replace(state, own=own, is_fallen_back=state.is_fallen_back or fell)

    def _hazard(self, state: RemedyState, context: str) -> float:
        """The probability of a change here, raised where the others changed and this did not."""
        change, number = self._settings.change, state.outcome_count
        others = [
            changed_lately(eras, number, change)
            for name, eras in state.eras.items()
            if name != context
        ]
        if not others:
            return change.hazard
        here = changed_lately(state.eras.get(context, FIRST), number, change)
        pooled = sum(others) / len(others) * (1.0 - here)
        return change.hazard + (change.pooled_hazard - change.hazard) * pooled


def drawn(policy: tuple[tuple[str, float], ...], draw: float) -> str:
    """Return the remedy that a number in [0, 1) falls to; one without probability never."""
    left = draw
    for remedy, probability in policy:
        left -= probability
        if left < 0.0:
            return remedy
    return next(remedy for remedy, probability in reversed(policy) if probability > 0.0)


def _share(eras: tuple[Era, ...], remedy: str) -> float:
    """The share that a remedy heals, as far as it was seen: none, where it never was."""
    counts = [(era.weight, *era.counts.get(remedy, (0, 0))) for era in eras]
    return sum(weight * won / (won + lost + 2) for weight, won, lost in counts)


@lru_cache(maxsize=16_384)
def _best_probabilities(posteriors: tuple[Beta, ...]) -> tuple[float, ...]:
    """The probability that each is the greatest: the integral of its density and others' cdf."""
    if len(posteriors) == 1:
        return (1.0,)
    tables = [_beta(*posterior) for posterior in posteriors]
    found = [0.0] * len(tables)
    for point in range(GRID):
        below = [cdf[point] for _, cdf in tables]
        for index, (density, _) in enumerate(tables):
            found[index] += (
                density[point] * math.prod(below[:index]) * math.prod(below[index + 1 :])
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
