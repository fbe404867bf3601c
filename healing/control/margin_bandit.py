"""A Thompson bandit that tunes the SLO autoscaler's margin.

Discounted Gaussian Thompson sampling (Thompson 1933; Russo et al. 2018, "A Tutorial on Thompson
Sampling", section 4; discounting as in Raj and Kalyani 2017) over a few margins. What an epoch cost
for its load is taken relative to the going level, so that a busy hour is not taken for a bad
margin; and not by its logarithm, which would hardly see the rare epochs in which too small a margin
costs most. At first it believes what the margins cost on days of other services.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

RELATIVE_MAX: Final = 5.0
"""An epoch that cost more than so many times the going level says no more than that."""


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
    """Margins to choose from, what they are held to cost at first, and how experience fades.

    `prior`: by how much of the cost each is above the best; `prior_weight`: in epochs.
    """

    margins: tuple[float, ...] = (0.9, 1.0, 1.1, 1.2, 1.35)
    prior: tuple[float, ...] = (0.15, 0.03, 0.0, 0.005, 0.07)
    prior_weight: float = 24.0
    discount: float = 0.995
    noise: float = 0.35  # standard deviation of an epoch's relative cost
    level_gain: float = 0.1

    def __post_init__(self) -> None:
        if len(self.prior) != len(self.margins):
            raise ValueError("expected as many priors as margins")


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
            state = self._learnt(state, state.arm, cost_per_load)
        draws = tuple(
            rng.gauss(total / count, settings.noise / math.sqrt(count))
            for total, count in zip(state.sums, state.counts, strict=True)
        )
        arm = min(range(len(draws)), key=draws.__getitem__)
        reason = f"drew the least cost of {len(draws)} margins: {draws[arm]:+.3f}"
        state = replace(state, arm=arm, draws=draws)
        return state, BanditDecision(margin=settings.margins[arm], reason=reason)

    def _beginning(self) -> BanditState:
        weight, prior = self._settings.prior_weight, self._settings.prior
        return BanditState(
            counts=(weight,) * len(prior), sums=tuple(weight * cost for cost in prior)
        )

    def _learnt(self, state: BanditState, arm: int, cost: float) -> BanditState:
        settings = self._settings
        level = cost if state.level is None else state.level
        above = min(cost / level, RELATIVE_MAX) - 1.0
        keep = settings.discount
        counts = tuple(keep * c + (i == arm) for i, c in enumerate(state.counts))
        sums = tuple(keep * s + (above if i == arm else 0.0) for i, s in enumerate(state.sums))
        level *= 1.0 + settings.level_gain * above
        return replace(state, counts=counts, sums=sums, level=level)
