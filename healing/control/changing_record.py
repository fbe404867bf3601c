"""What is known of remedies in a world that may change without a word.

Bayesian online changepoint detection (Adams and MacKay 2007, arXiv:0710.3742): a few hypotheses of
when the world last changed, each with the successes and failures since, weighted by how well they
foretold what came. Nothing is forgotten by the clock, and all of it at once when it no longer
foretells. Contexts are pooled: where others changed lately, a change is likelier here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

Counts = tuple[int, int]
"""Successes and failures."""
HYPOTHESES_MAX: Final = 6
WEIGHT_MIN: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """A hypothesis: the world is as it was since `born`, and this is what was seen since.

    `born`: the number of the outcome, of all contexts, before which it began; None: always so.
    """

    weight: float
    born: int | None
    counts: Mapping[str, Counts]


FIRST: Final = (Era(weight=1.0, born=None, counts={}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSettings:
    """How often worlds change, and what a remedy of which nothing is known is held to heal."""

    prior: tuple[float, float] = (0.5, 1.5)
    hazard: float = 0.01  # of a change before an outcome in a context
    pooled_hazard: float = 0.3  # ... where all other contexts surely changed lately
    recent: int = 60  # outcomes, of all contexts, that are lately


def foretold(era: Era, remedy: str, *, has_helped: bool, settings: ChangeSettings) -> float:
    """Return the probability that an era gave to an outcome."""
    won, lost = era.counts.get(remedy, (0, 0))
    a, b = settings.prior
    rate = (a + won) / (a + b + won + lost)
    return rate if has_helped else 1.0 - rate


def changed_lately(eras: tuple[Era, ...], number: int, settings: ChangeSettings) -> float:
    """Return the probability that a context changed in the last outcomes of all."""
    since = number - settings.recent
    return sum(era.weight for era in eras if era.born is not None and era.born >= since)


def seen(
    eras: tuple[Era, ...],
    remedy: str,
    *,
    has_helped: bool,
    number: int,
    hazard: float,
    settings: ChangeSettings,
) -> tuple[Era, ...]:
    """Return the eras after an outcome, the likeliest first."""
    fresh = Era(weight=hazard, born=number, counts={})
    held = (replace(era, weight=era.weight * (1.0 - hazard)) for era in eras)
    after = [_with(era, remedy, has_helped=has_helped, settings=settings) for era in (*held, fresh)]
    after.sort(key=lambda era: -era.weight)
    total = sum(era.weight for era in after)
    kept = [era for era in after if era.weight >= WEIGHT_MIN * total][:HYPOTHESES_MAX]
    total = sum(era.weight for era in kept)
    return tuple(replace(era, weight=era.weight / total) for era in kept)


def _with(era: Era, remedy: str, *, has_helped: bool, settings: ChangeSettings) -> Era:
    won, lost = era.counts.get(remedy, (0, 0))
    weight = era.weight * foretold(era, remedy, has_helped=has_helped, settings=settings)
    counts = {**era.counts, remedy: (won + has_helped, lost + (not has_helped))}
    return replace(era, weight=weight, counts=counts)
