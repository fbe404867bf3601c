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

    `rule`: what the rules would have done. `policy`: the probabilities of the policy that is asked
    about, at that moment.
    """

    context: str
    remedy: str
    rule: str
    propensity: float
    reward: float
    policy: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean reward of the policy, by both estimators, and a bound that it surely reaches.

    `gain`: by how much it is above that of the rules, decision by decision, and a bound on that:
    what both do alike cancels out, so far fewer decisions tell.
    """

    count: int
    ips: float
    doubly_robust: float
    lower: float
    gain: float
    gain_lower: float


NOTHING: Final = Estimate(count=0, ips=0.0, doubly_robust=0.0, lower=0.0, gain=0.0, gain_lower=-1.0)


def estimate(
    log: Sequence[Logged],
    *,
    model: Callable[[str, str], float] = lambda _context, _remedy: 0.0,
    clip: float = 10.0,
    confidence: float = 0.95,
) -> Estimate:
    """Return what the logged policy is worth; `model` guesses the reward of (context, remedy)."""
    if not log:
        return NOTHING
    weighted, robust, gains = [], [], []
    for item in log:
        chances = dict(item.policy)
        weight = min(chances.get(item.remedy, 0.0) / item.propensity, clip)
        weighted.append(weight * item.reward)
        guessed = sum(p * model(item.context, remedy) for remedy, p in item.policy)
        robust.append(guessed + weight * (item.reward - model(item.context, item.remedy)))
        by_rule = (item.remedy == item.rule) / item.propensity  # not clipped: never to their harm
        gains.append((weight - by_rule) * item.reward)
    count = len(log)
    mean, gain = sum(weighted) / count, sum(gains) / count
    return Estimate(
        count=count,
        ips=mean,
        doubly_robust=sum(robust) / count,
        lower=max(mean - _deviation(weighted, mean, confidence=confidence), 0.0),
        gain=gain,
        gain_lower=gain - _deviation(gains, gain, confidence=confidence),
    )


def _deviation(values: Sequence[float], mean: float, *, confidence: float) -> float:
    """How far the mean may lie above the truth; the span is that of the values seen, or 1."""
    count = len(values)
    if count < 2:  # noqa: PLR2004 - a variance needs two
        return math.inf
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    width = max(1.0, max(values) - min(0.0, *values))
    log_term = math.log(2.0 / (1.0 - confidence))
    return math.sqrt(2.0 * variance * log_term / count) + 7.0 * width * log_term / (
        3.0 * (count - 1)
    )


def may_be_promoted(found: Estimate) -> bool:
    """Whether the policy surely does better than the rules, on enough decisions."""
    return found.count >= DECISIONS_MIN and found.gain_lower > 0.0
