"""Which of several allowed remedies was taken, and what is known of whoever chooses."""

from dataclasses import dataclass
from typing import Literal

RemedyMode = Literal["rules", "shadow", "bandit"]
"""rules: nothing is learnt. shadow: the rules choose, the bandit's choice is told. bandit: it
chooses, once it is proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyChoice:
    """One choice, as it is journaled so that it can be judged later.

    `remedy`: what was taken, with which `propensity` (0 to 1). `rule`: what the rules take.
    `proposed`: what the bandit would take, by its own probabilities (`policy`).
    """

    context: str
    remedy: str
    rule: str
    propensity: float
    proposed: str
    policy: tuple[tuple[str, float], ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyReport:
    """What there is to be told of the chooser.

    `judged_count`: choices among several whose outcome is known; `differing_count`: those in which
    it prefers another than the rules; `drawn_count`: those by lot. `gain`: by how much it would
    heal a larger share than the rules do, `gain_lower`: surely; None while nothing is known.
    """

    mode: RemedyMode
    is_promoted: bool
    is_fallen_back: bool
    judged_count: int
    differing_count: int
    drawn_count: int
    gain: float | None
    gain_lower: float | None
    reason: str
    latest: tuple[tuple[str, RemedyChoice], ...]
    """The last choices, each with the id of its issue."""
