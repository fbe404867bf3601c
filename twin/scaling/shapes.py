"""Shapes of traffic, put together: levels and waves add up, surges multiply, then chance is drawn.

Each shape gives a rate for every second. The counts have the rates as means, and a stated
dispersion (variance over mean): 1 is Poisson, more is the negative binomial of bursty callers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from twin.scaling.workload import Counts, Floats

DAY_S: Final = 86_400.0
_FAR: Final = 12.0
"""A surge fades to nothing after so many time constants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The same rate all the time."""

    kind: Literal["level"] = "level"
    rate: float

    def rates(self, at_s: Floats) -> Floats:
        """Requests a second."""
        return np.full(len(at_s), self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A cosine between two rates, such as a day; highest at `peak_s` and each period after."""

    kind: Literal["wave"] = "wave"
    low: float
    high: float
    period_s: float = DAY_S
    peak_s: float = DAY_S / 2

    def rates(self, at_s: Floats) -> Floats:
        """Requests a second."""
        turn = np.cos(2.0 * np.pi * (at_s - self.peak_s) / self.period_s)
        rates: Floats = self.low + (self.high - self.low) * 0.5 * (1.0 + turn)
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """From one rate to another in a straight line; the first before, the second after."""

    kind: Literal["ramp"] = "ramp"
    begin_s: float
    end_s: float
    low: float
    high: float

    def rates(self, at_s: Floats) -> Floats:
        """Requests a second."""
        return np.interp(at_s, [self.begin_s, self.end_s], [self.low, self.high])


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Rates that hold from a second on; before the first, none."""

    kind: Literal["steps"] = "steps"
    from_s: tuple[float, ...]
    to_rates: tuple[float, ...]

    def rates(self, at_s: Floats) -> Floats:
        """Requests a second."""
        which = np.searchsorted(np.array(self.from_s), at_s, side="right")
        rates: Floats = np.array([0.0, *self.to_rates])[which]
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """A flash crowd: all traffic grows by a factor in `rise_s`, stays, and fades exponentially."""

    kind: Literal["surge"] = "surge"
    at_s: float
    factor: float
    rise_s: float = 30.0
    hold_s: float = 300.0
    fade_s: float = 60.0  # its time constant

    def factors(self, at_s: Floats) -> Floats:
        """By what the rate is multiplied."""
        since = at_s - self.at_s
        rising = np.clip(since / self.rise_s, 0.0, 1.0)
        fading = np.clip((since - self.rise_s - self.hold_s) / self.fade_s, 0.0, _FAR)
        part = np.where(fading > 0.0, np.where(fading < _FAR, np.exp(-fading), 0.0), rising)
        factors: Floats = 1.0 + (self.factor - 1.0) * part
        return factors


Shape = Level | Wave | Ramp | Steps | Surge


def counts_of(shapes: Sequence[Shape], *, duration_s: int, dispersion: float, seed: int) -> Counts:
    """Draw how many requests arrive in each second.

    Raises:
        ValueError: a dispersion below 1: independent callers have none.
    """
    if dispersion < 1.0:
        raise ValueError(f"dispersion {dispersion}: expected 1 (Poisson) or more")
    at_s: Floats = np.arange(duration_s, dtype=np.float64) + 0.5
    rates = np.zeros(duration_s)
    for shape in shapes:
        if not isinstance(shape, Surge):
            rates += shape.rates(at_s)
    for shape in shapes:
        if isinstance(shape, Surge):
            rates *= shape.factors(at_s)
    rng = np.random.default_rng(seed)
    rates = np.maximum(rates, 0.0)
    if dispersion > 1.0:  # a gamma mixture of Poisson: variance = mean x dispersion
        rates = rng.gamma(rates / (dispersion - 1.0), dispersion - 1.0)
    return rng.poisson(rates).astype(np.int64)
