"""Wishes to weights that may be given: floors, change limits, blackout, slow start, coming back.

Weights are ratios to an equal share. A backend never falls below its floor, so that there is always
telemetry to see it recover by; it is above or below what it was by at most a step; what is not
known of a backend makes it average, never bad.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knowledge.bounds import require_positive
from knowledge.traffic import Place, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorSettings:
    """The envelope of all weights."""

    floor_ratio: float = 0.1
    """Of an equal share, at least: enough to see that a backend is well again."""

    step_ratio: float = 0.3
    """A weight changes by this share of itself at most, an update."""

    hysteresis_ratio: float = 0.05
    """A smaller change is noise and is not made."""

    slow_start_s: float = 30.0
    """How long a backend that comes back takes to its full weight: caches are cold."""

    def __post_init__(self) -> None:
        require_positive(self)
        for name in ("floor_ratio", "step_ratio", "hysteresis_ratio"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} must be below 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The weights in force, by address, and when those that were out came back."""

    weights: Mapping[str, float] = field(default_factory=dict)
    returned_unix_s: Mapping[str, float] = field(default_factory=dict)


def govern(
    given: Given,
    wishes: Mapping[str, float | None],
    places: Mapping[str, Place],
    settings: GovernorSettings,
    *,
    now_unix_s: float,
) -> tuple[Given, tuple[Weight, ...]]:
    """Return the next weights: their mean over the backends that are in is 1, out is 0.

    `wishes`: per backend what a policy wants, None where nothing is known. At least one of
    `places` is in.
    """
    inside = [address for address in wishes if places[address] == "in"]
    assert inside, "who ejects leaves one in"
    returned = {
        address: since
        for address, since in {
            **given.returned_unix_s,
            **{a: now_unix_s for a in inside if given.weights.get(a) == 0.0},
        }.items()
        if places.get(address) == "in" and now_unix_s - since < settings.slow_start_s
    }
    targets = _targets({address: wishes[address] for address in inside})
    because = {address: "" if wishes[address] is not None else "not known" for address in inside}
    limited: dict[str, float] = {}
    for address, target in targets.items():
        was = given.weights.get(address, 1.0) or settings.floor_ratio
        if address in returned:
            share = (now_unix_s - returned[address]) / settings.slow_start_s
            target *= max(share, settings.floor_ratio)  # noqa: PLW2901 - one figure, step by step
            because[address] = "slow start"
        if abs(target - was) <= settings.hysteresis_ratio * was:
            limited[address] = was
            continue
        low, high = was * (1 - settings.step_ratio), was * (1 + settings.step_ratio)
        limited[address] = min(max(target, low), high)
        if limited[address] != target:
            because[address] = because[address] or "change limit"
    weights = _floored(limited, settings.floor_ratio)
    for address, weight in weights.items():
        if weight <= settings.floor_ratio:
            because[address] = because[address] or "floor"
    every = {address: weights.get(address, 0.0) for address in wishes}
    return Given(weights=every, returned_unix_s=returned), tuple(
        Weight(
            address=address,
            place=places[address],
            weight=weight,
            because=because.get(address, places[address]),
        )
        for address, weight in every.items()
    )


def _targets(wishes: Mapping[str, float | None]) -> dict[str, float]:
    """Mean 1; what is not known is the mean of what is."""
    known = [wish for wish in wishes.values() if wish is not None]
    mean = sum(known) / len(known) if known else 0.0
    if mean <= 0:
        return dict.fromkeys(wishes, 1.0)
    return {a: 1.0 if wish is None else wish / mean for a, wish in wishes.items()}


def _floored(weights: Mapping[str, float], floor: float) -> dict[str, float]:
    """Scale to a mean of 1, none below the floor: who is below takes it, the others the rest."""
    low: set[str] = set()
    while True:
        rest = sum(weight for address, weight in weights.items() if address not in low)
        scale = (len(weights) - floor * len(low)) / rest
        more = {a for a, weight in weights.items() if a not in low and weight * scale < floor}
        if not more:
            return {a: floor if a in low else w * scale for a, w in weights.items()}
        low |= more
