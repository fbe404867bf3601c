"""Workloads: requests a second over days, read from recordings or made up, and their arrivals.

The recordings are data of others that are not shipped; `SYNTHETIC` makes workloads of like kinds
from stated figures: a daily curve with recurring floods, a ragged low-rate curve, steps, and an
outage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from twin.scaling.pod_models import PodModel

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
COLUMN: Final = "requests"
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class TraceError(Exception):
    """A file is not a trace; the text names it and says what a trace is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How many requests arrive in each second; `counts[i]` in [i, i + 1).

    `work_factors`: by what the work of those of a second is more than a pod's model says.
    """

    name: str
    counts: Counts
    work_factors: Floats | None = None

    @property
    def duration_s(self) -> int:
        """Seconds in all."""
        return len(self.counts)


def read_trace(path: Path, model: PodModel, *, seed: int) -> Workload:
    """Read a recording of one row a second and scale it as its model says.

    Raises:
        TraceError: the file has no column of counts, or a count below zero.
    """
    try:
        column = pl.read_parquet(path, columns=[COLUMN])[COLUMN]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TraceError(f"{path}: expected Parquet with a column `{COLUMN}`: {error}") from error
    if not column.dtype.is_integer() or column.null_count() or column.is_empty():
        raise TraceError(f"{path}: `{COLUMN}` must be whole numbers, one a second, none missing")
    counts = column.cast(pl.Int64).to_numpy()
    if counts.min() < 0:
        raise TraceError(f"{path}: `{COLUMN}` has a negative count at row {int(counts.argmin())}")
    return Workload(name=path.stem, counts=_scaled(counts, model, seed))


def _scaled(counts: Counts, model: PodModel, seed: int) -> Counts:
    if model.trace_factor == 1.0 and model.trace_smoothing_s == 1:
        return counts
    width = model.trace_smoothing_s
    kernel = np.ones(width) / width
    padded = np.pad(counts.astype(np.float64), (width // 2, width - 1 - width // 2), mode="edge")
    rate = np.convolve(padded, kernel, mode="valid") * model.trace_factor
    rate = np.maximum(rate, 0.0)
    return np.random.default_rng(seed).poisson(rate).astype(np.int64)


def arrivals(
    workload: Workload, model: PodModel, *, from_s: int, to_s: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the arrival times [s], in order, and the work [s] of the requests of [from_s, to_s).

    The same seed gives the same requests, whatever is done with them.
    """
    rng = np.random.default_rng((seed, from_s))
    counts = workload.counts[from_s:to_s]
    seconds = np.repeat(np.arange(from_s, from_s + len(counts)), counts)
    at_s = np.sort(seconds + rng.random(len(seconds)))
    work_s = rng.exponential(model.service_ms_mean / 1000.0, len(seconds))
    if workload.work_factors is not None:
        work_s *= workload.work_factors[seconds]
    return at_s, work_s


def daily(days: int, seed: int) -> Workload:
    """A daily curve of 40 to 80 requests a second, with floods each 90 to 150 min.

    A flood is four times as much, begins at minute 2 or 32 of an hour, takes 30 s to rise
    and lasts 5 to 12 min.
    """
    rng = np.random.default_rng(seed)
    seconds = np.arange(days * DAY_S)
    rate = 60.0 - 20.0 * np.cos(2 * np.pi * seconds / DAY_S) + _wander(rng, len(seconds), 3.0)
    flood = np.zeros(len(seconds))
    at_s = 0
    while True:
        half_hours = int(rng.integers(3, 6))
        at_s += half_hours * HOUR_S // 2
        if at_s + HOUR_S > len(seconds):
            break
        begin = at_s + 120 + int(rng.integers(0, 20))
        hold = int(rng.integers(300, 720))
        flood[begin : begin + 30] = np.linspace(0, 1, 30)
        flood[begin + 30 : begin + hold] = 1.0
        flood[begin + hold : begin + hold + 240] = np.exp(-np.arange(240) / 60.0)
    return Workload(name="daily", counts=rng.poisson(np.maximum(rate * (1 + 3 * flood), 1.0)))


def ragged(days: int, seed: int) -> Workload:
    """A curve of 25 to 110 requests a second whose minutes differ by a fifth, with slow shifts."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(days * DAY_S)
    base = 70.0 - 40.0 * np.cos(2 * np.pi * seconds / DAY_S)
    minutes = rng.gamma(25.0, 1 / 25.0, len(seconds) // 60 + 2)
    noise = np.interp(seconds / 60.0, np.arange(len(minutes)), minutes)
    shift = np.exp(_wander(rng, len(seconds), 0.1))
    return Workload(name="ragged", counts=rng.poisson(base * noise * shift))


def step(
    factor: float, *, before_s: int = 1200, after_s: int = 600, rate: float = 40.0
) -> Workload:
    """A steady rate, then `factor` times that from second `before_s` on."""
    rates = np.concatenate([np.full(before_s, rate), np.full(after_s, rate * factor)])
    return Workload(name=f"step-x{factor:g}", counts=np.random.default_rng(7).poisson(rates))


def _wander(rng: np.random.Generator, length: int, deviation: float) -> Floats:
    """A mean-reverting walk over minutes, with that standard deviation."""
    minutes = length // 60 + 2
    values = np.empty(minutes)
    values[0] = 0.0
    kicks = rng.normal(0.0, deviation * np.sqrt(1 - 0.98**2), minutes)
    for minute in range(1, minutes):
        values[minute] = 0.98 * values[minute - 1] + kicks[minute]
    return np.interp(np.arange(length) / 60.0, np.arange(minutes), values)


SYNTHETIC: Final[Mapping[str, Callable[[int, int], Workload]]] = {"daily": daily, "ragged": ragged}
"""Generators by name: (days, seed) to a workload."""
