"""Memory of pods as it is without a leak, and with one: shapes that real services show.

All chance comes from the generator that is handed in. Readings are a minute apart, as the kubelet's
are scraped; a level of 1.0 is the pod's working set after start-up and without load.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MINUTE_S: Final = 60.0
DAY_MIN: Final = 1440.0
Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is drawn for one pod. Amplitudes are shares of the working set.

    load: a day's wave and one of hours, of which `load_share` of the memory follows with a lag.
    saw: collection of garbage, from minor to mixed ones. steps: caches that
    are filled once, up to three a day.
    """

    day_amplitude: float
    hours_amplitude: float
    hours_period_min: float
    load_share: float
    lag_min: float
    saw_amplitude: float
    saw_period_min: float
    noise: float
    noise_memory: float
    startup_share: float
    startup_min: float
    steps_per_h: float
    step_share: float


def draw(rng: np.random.Generator) -> Shape:
    """Draw a pod: each kind of wave from next to nothing to strong."""
    return Shape(
        day_amplitude=rng.uniform(0.1, 0.6),
        hours_amplitude=rng.uniform(0.0, 0.2),
        hours_period_min=rng.uniform(60.0, 240.0),
        load_share=rng.uniform(0.02, 0.3),
        lag_min=rng.uniform(0.0, 10.0),
        saw_amplitude=rng.uniform(0.0, 0.3),
        saw_period_min=float(np.exp(rng.uniform(np.log(1.0), np.log(20.0)))),
        noise=rng.uniform(0.002, 0.015),
        noise_memory=rng.uniform(0.5, 0.95),
        startup_share=rng.uniform(0.1, 0.6),
        startup_min=rng.uniform(1.0, 10.0),
        steps_per_h=rng.uniform(0.0, 0.125),
        step_share=rng.uniform(0.01, 0.08),
    )


def series(
    shape: Shape,
    minutes: int,
    rng: np.random.Generator,
    *,
    leak_per_h: float = 0.0,
    leak_from_min: float = 0.0,
    phases: Series | None = None,
) -> tuple[Series, Series]:
    """Return (memory, requests a second) of a pod from its start on, a reading a minute.

    `leak_per_h`: a share of what the pod uses around the time when the leak begins. `phases`: of
    the two waves of load, which pods of one service share; drawn where they are not given.
    """
    at = np.arange(minutes, dtype=np.float64)
    phases = rng.uniform(0.0, 2 * np.pi, 2) if phases is None else phases
    load = _load(shape, at, phases)
    felt = _load(shape, at - shape.lag_min, phases)
    startup = -shape.startup_share * np.exp(-at / shape.startup_min)
    period = shape.saw_period_min * rng.uniform(0.8, 1.2)
    saw = shape.saw_amplitude * ((at / period + rng.uniform()) % 1.0)
    memory = 1.0 + shape.load_share * (felt - 1.0) + startup + saw + _noise(shape, minutes, rng)
    steps = rng.random(minutes) < shape.steps_per_h / 60.0
    memory += np.cumsum(steps * shape.step_share)
    usual = memory[max(0, int(leak_from_min) - 60) : int(leak_from_min) + 60].mean()
    memory += leak_per_h * usual * np.maximum(0.0, at - leak_from_min) / 60.0
    return np.maximum(memory, 0.01), load * 100.0 * rng.lognormal(0.0, 0.05, minutes)


def _load(shape: Shape, at: Series, phases: Series) -> Series:
    day = shape.day_amplitude * np.sin(2 * np.pi * at / DAY_MIN + phases[0])
    hours = shape.hours_amplitude * np.sin(2 * np.pi * at / shape.hours_period_min + phases[1])
    load: Series = np.maximum(0.05, 1.0 + day + hours)
    return load


def _noise(shape: Shape, minutes: int, rng: np.random.Generator) -> Series:
    """Noise that remembers: an AR(1) process of the standard deviation `noise`."""
    fresh = rng.normal(0.0, shape.noise * np.sqrt(1 - shape.noise_memory**2), minutes)
    noise = np.empty(minutes)
    last = rng.normal(0.0, shape.noise)
    for index in range(minutes):
        last = noise[index] = shape.noise_memory * last + fresh[index]
    return noise
