"""A Thompson bandit that tunes the SLO autoscaler's margin.

Discounted Gaussian Thompson sampling (Thompson 1933; Russo et al. 2018, "A Tutorial on Thompson
Sampling", section 4; discounting as in Raj and Kalyani 2017) over a few margins. Costs of different
epochs are compared by their logarithm, and less the going level, so that a busy hour is not taken
for a bad margin. At first the margin that is held for best is preferred, and those beside it to
those far from it.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Protocol


class Chance(Protocol):
    """Randomness as it is handed in."""

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """A normal deviate."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditSettings:
    """Margins to choose from, the prior, and how fast experience fades."""

    margins: tuple[float, ...] = (0.9, 1.0, 1.1, 1.2, 1.35)
    prior: int = 2  # the margin that is held for best before anything is known
    prior_weight: float = 6.0  # in epochs: so much experience speaks for it at first
    prior_slope: float = 0.05  # each step away from it is held to cost so much more (logarithm)
    discount: float = 0.995
    noise: float = 0.25  # standard deviation of an epoch's logarithmic cost
    level_gain: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditState:
    """Weighted counts and sums per margin, the going level of cost, and the arm in use."""

    counts: tuple[float, ...] = ()
    sums: tuple[float, ...] = ()
    level: float | None = None
    arm: int | None = None
    draws: tuple[float, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditDecision:
    """The margin of the next epoch and why."""

    margin: float
    reason: str


class MarginBandit:
    """One service's bandit; a step is an epoch, with the cost of the one that ended."""

    def __init__(self, settings: BanditSettings) -> None:
        self._settings = settings

    def step(
        self, state: BanditState, cost_per_load: float | None, *, now_unix_ns: int, rng: Chance
    ) -> tuple[BanditState, BanditDecision]:
        """Learn from the epoch that ended and choose for the next.

        `cost_per_load`: what the epoch cost for what was asked of it, above zero; None if it does
        not count (no telemetry, or somebody else changed the replicas).
        """
        del now_unix_ns  # epochs are counted, not timed
        settings = self._settings
        if not state.counts:
            state = self._beginning()
        if cost_per_load is not None and cost_per_load > 0.0 and state.arm is not None:
            state = self._learnt(state, state.arm, math.log(cost_per_load))
        draws = tuple(
            rng.gauss(total / count, settings.noise / math.sqrt(count))
            for total, count in zip(state.sums, state.counts, strict=True)
        )
        arm = min(range(len(draws)), key=draws.__getitem__)
        reason = f"drew the least cost of {len(draws)} margins: {draws[arm]:+.3f}"
        state = replace(state, arm=arm, draws=draws)
        return state, BanditDecision(margin=settings.margins[arm], reason=reason)

    def _beginning(self) -> BanditState:
        settings = self._settings
        weight = settings.prior_weight
        means = [
            settings.prior_slope * abs(i - settings.prior) for i in range(len(settings.margins))
        ]
        return BanditState(
            counts=(weight,) * len(means), sums=tuple(weight * mean for mean in means)
        )

    def _learnt(self, state: BanditState, arm: int, cost: float) -> BanditState:
        settings = self._settings
        level = cost if state.level is None else state.level
        reward = cost - level
        keep = settings.discount
        counts = tuple(keep * c + (i == arm) for i, c in enumerate(state.counts))
        sums = tuple(keep * s + (reward if i == arm else 0.0) for i, s in enumerate(state.sums))
        level += settings.level_gain * (cost - level)
        return replace(state, counts=counts, sums=sums, level=level)
