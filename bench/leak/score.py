"""Pods through the detector, minute by minute, as the service would see them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.detectors.leak import BLOCKS, Floors, Reading, begin, ramps
from analysis.settings import AnalysisSettings
from bench.leak.memory import draw, series

SETTINGS: Final = AnalysisSettings()
POD: Final = ("shop", "cart", "cart-0")
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
    memory, load = series(
        draw(rng), minutes, rng, leak_per_h=leak_per_h, leak_from_min=leak_from_min
    )
    offset = int(rng.integers(0, 300))
    floors: Floors | None = None
    first, windows, flagged, blocks = None, 0, 0, -1
    for minute in range(minutes):
        reading = Reading(
            time_unix_ns=(minute * 60 + offset) * 10**9,
            level=float(memory[minute]),
            limit_ratio=float(memory[minute]) / LIMIT,
            load_per_s=float(load[minute]),
        )
        floors = floors.after(reading) if floors else begin(reading)
        if len(floors.levels) < BLOCKS or floors.block == blocks:
            continue
        blocks = floors.block
        windows += 1
        if ramps({POD: floors}, SETTINGS)[POD].is_leak:
            flagged += 1
            first = minute if first is None else first
    return Seen(first_min=first, windows=windows, flagged=flagged)
