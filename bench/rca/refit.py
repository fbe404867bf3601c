"""Would other constants have done as well, and would those fitted elsewhere do here?

The engine has constants with reasons, none of them fitted to recordings. They were written by
people who had looked at some, though. So they are refitted here as if they were free: each may be a
half more or a third less. Chosen is what scores best on the cases to learn from, where several do
the shipped one; scored are the cases that were left out. What is lost against the shipped ones is
what choosing by score would have cost, and how little the scores move is what they hang on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from analysis.diagnosis import behaviour, engine, latency, periods, resources

SHIPPED: Final = "shipped"
FACTORS: Final = (2 / 3, 1.5)
FREE: Final[tuple[tuple[Any, str], ...]] = (
    (engine, "EXCESS_HALF"),
    (behaviour, "Z_MIN"),
    (behaviour, "Z_MIN_BAD"),
    (behaviour, "Z_HALF"),
    (behaviour, "COUNT_MIN"),
    (latency, "Z_95_PERCENT"),
    (latency, "Z_RANK_MIN"),
    (latency, "CAP_SIGMA"),
    (latency, "RATIO_MIN"),
    (resources, "SHARE_HALF"),
    (resources, "SIGMA_MIN"),
    (periods, "STRETCH_S_MAX"),
    (periods, "NEAR_S"),
    (periods, "SETTLE_S"),
)
"""CREDIBILITY is left out: it scales all witnesses alike and so hardly moves a ranking."""

Scores = Mapping[str, float]
"""By case, the share of its askings in which the culprit stood first."""


@contextmanager
def _set_to(module: Any, name: str, value: float) -> Iterator[None]:
    shipped = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, shipped)


def swept(score: Callable[[], Scores]) -> dict[str, Scores]:
    """Return the scores with each constant moved, by the name of the setting."""
    found = {SHIPPED: score()}
    for module, name in FREE:
        shipped = getattr(module, name)
        for factor in FACTORS:
            value = type(shipped)(round(shipped * factor, 3))
            with _set_to(module, name, value):
                found[f"{module.__name__.rsplit('.', 1)[-1]}.{name} = {value:g}"] = score()
    return found


def chosen(table: Mapping[str, Scores], cases: Sequence[str]) -> str:
    """Return the setting that is best on `cases`; of equals the shipped, else the first by name."""
    if not cases:
        return SHIPPED

    def rank(setting: str) -> tuple[float, bool, str]:
        return (-round(_mean(table[setting], cases), 9), setting != SHIPPED, setting)

    return min(table, key=rank)


def held_out(table: Mapping[str, Scores], system_of: Mapping[str, str]) -> dict[str, Any]:
    """Return AC@1 per system: as shipped, leaving each fault out, and fitted on other systems."""
    result: dict[str, Any] = {}
    for system in sorted(set(system_of.values())):
        own = [case for case in table[SHIPPED] if system_of[case] == system]
        others = [case for case in table[SHIPPED] if system_of[case] != system]
        picks = {case: chosen(table, [c for c in system_of if c != case]) for case in own}
        abroad = chosen(table, others) if others else None
        result[system] = {
            "case_count": len(own),
            "shipped_ac1": _mean(table[SHIPPED], own),
            "leave_one_out_ac1": sum(table[picks[case]][case] for case in own) / len(own),
            "leave_one_out_chosen": sorted(set(picks.values())),
            "fitted_elsewhere_ac1": None if abroad is None else _mean(table[abroad], own),
            "fitted_elsewhere_chosen": abroad,
            "lowest_ac1": min(_mean(scores, own) for scores in table.values()),
            "lowest_setting": min(table, key=lambda setting: _mean(table[setting], own)),
            "highest_ac1": max(_mean(scores, own) for scores in table.values()),
        }
    return result


def _mean(scores: Scores, cases: Sequence[str]) -> float:
    return sum(scores[case] for case in cases) / len(cases)
