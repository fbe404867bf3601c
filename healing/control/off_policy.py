"""What a policy would have been worth, by the log of another: asked before it may act.

Inverse propensity weights, clipped (Bottou et al. 2013, "Counterfactual Reasoning and Learning
Systems"), doubly robust with a model of the rewards (Dudik, Langford, Li 2011), and an empirical
Bernstein lower bound (Maurer and Pontil 2009). What the log never tried counts as worth nothing, so
a shadow that only watched the rules promotes nothing that it cannot know.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

DECISIONS_MIN: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One decision: what was done with which propensity, what came of it (0 to 1).

    `policy`: the probabilities of the policy that is asked about, at that moment.
    """

    context: str
    remedy: str
    propensity: float
    reward: float
    policy: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean reward of the policy, by both estimators, and a bound that it surely reaches."""

    count: int
    ips: float
    doubly_robust: float
    lower: float


def estimate(
    log: Sequence[Logged],
    *,
    model: Callable[[str, str], float] = lambda _context, _remedy: 0.0,
    clip: float = 10.0,
    confidence: float = 0.95,
) -> Estimate:
    """Return what the logged policy is worth; `model` guesses the reward of (context, remedy)."""
    if not log:
        return Estimate(count=0, ips=0.0, doubly_robust=0.0, lower=0.0)
    weighted, robust = [], []
    for item in log:
        chances = dict(item.policy)
        weight = min(chances.get(item.remedy, 0.0) / item.propensity, clip)
        weighted.append(weight * item.reward)
        guessed = sum(p * model(item.context, remedy) for remedy, p in item.policy)
        robust.append(guessed + weight * (item.reward - model(item.context, item.remedy)))
    count = len(log)
    mean = sum(weighted) / count
    return Estimate(
        count=count,
        ips=mean,
        doubly_robust=sum(robust) / count,
        lower=max(mean - _deviation(weighted, mean, span=clip, confidence=confidence), 0.0),
    )


def _deviation(values: Sequence[float], mean: float, *, span: float, confidence: float) -> float:
    count = len(values)
    if count < 2:  # noqa: PLR2004 - a variance needs two
        return span
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    width = min(span, max(values))
    log_term = math.log(2.0 / (1.0 - confidence))
    return math.sqrt(2.0 * variance * log_term / count) + 7.0 * width * log_term / (
        3.0 * (count - 1)
    )


def may_be_promoted(found: Estimate, *, baseline: float) -> bool:
    """Whether the policy surely does better than the rules did, on enough decisions."""
    return found.count >= DECISIONS_MIN and found.lower > baseline
