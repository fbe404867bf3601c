"""Pods through the detector, minute by minute, as the service would see them."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.detectors.leak import BLOCKS, Reading, begin
from analysis.detectors.memory import Leaks, detect_leaks, judged
from analysis.settings import AnalysisSettings
from bench.leak.memory import Series, draw, series

SETTINGS: Final = AnalysisSettings()
SERVICE: Final = ("shop", "cart")
WINDOW_MIN: Final = 60
FOUND_MIN: Final = 75
LIMIT: Final = 4.0
"""The pod's memory limit, in working sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the detector said of one pod: minutes since the start at which it was first unhealthy.

    windows: hours of it that were judged. flagged: those in which it was called leaking.
    """

    first_min: int | None
    windows: int
    flagged: int


def watched(
    rng: np.random.Generator, *, minutes: int, leak_per_h: float = 0.0, leak_from_min: float = 0.0
) -> Seen:
    """Let the detector watch one pod of chance from its start on."""
    shape = draw(rng)
    pod = series(shape, minutes, rng, leak_per_h=leak_per_h, leak_from_min=leak_from_min)
    return _watched([_Pod(*pod, int(rng.integers(0, 300)))])


def service_watched(
    rng: np.random.Generator,
    *,
    pods: int,
    minutes: int,
    leak_per_h: float = 0.0,
    leak_from_min: float = 0.0,
) -> Seen:
    """Let the detector watch a service: pods of one shape under one load, each with its own chance.

    They start together; readings, collection of garbage, caches and noise are each pod's own.
    """
    shape, phases = draw(rng), rng.uniform(0.0, 2 * np.pi, 2)
    leak = {"leak_per_h": leak_per_h, "leak_from_min": leak_from_min}
    return _watched(
        [
            _Pod(
                *series(shape, minutes, rng, phases=phases, **leak),
                int(rng.integers(0, 60)),
            )
            for _ in range(pods)
        ]
    )


@dataclass(frozen=True, slots=True)
class _Pod:
    memory: Series
    load: Series
    offset_s: int
    """When in the minute it is read."""


def _watched(pods: list[_Pod]) -> Seen:
    """Hand all readings on, minute by minute; what counts is the symptom of the service."""
    leaks = Leaks()
    first, windows, flagged, blocks = None, 0, 0, -1
    for minute in range(len(pods[0].memory)):
        floors = dict(leaks.pods)
        for index, pod in enumerate(pods):
            reading = Reading(
                time_unix_ns=(minute * 60 + pod.offset_s) * 10**9,
                level=float(pod.memory[minute]),
                limit_ratio=float(pod.memory[minute]) / LIMIT,
                load_per_s=float(pod.load[minute]),
            )
            key = (*SERVICE, f"cart-{index}")
            known = floors.get(key)
            floors[key] = known.after(reading) if known else begin(reading)
        leaks = judged(leaks, floors, SETTINGS)
        oldest = floors[(*SERVICE, "cart-0")]
        if len(oldest.levels) < BLOCKS or oldest.block == blocks:
            continue
        blocks = oldest.block
        windows += 1
        leaks, symptoms = detect_leaks(replace(leaks, leaking=frozenset()), SETTINGS)
        if any(symptom.health == "unhealthy" for symptom in symptoms):
            flagged += 1
            first = minute if first is None else first
    return Seen(first_min=first, windows=windows, flagged=flagged)
