"""Mean waits at five operating points: the event engine, M/M/c, and Ciw by its own chance."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import ciw
import numpy as np

from twin.scaling.event_engine import EventEngine
from twin.scaling.fluid_engine import FluidEngine
from twin.scaling.pod_models import PodModel
from twin.scaling.workload import Floats, Workload

PATIENT: Final = PodModel(patience_s=1e9)
BATCHES: Final = 25
_CHUNK_S: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """So many workers, each busy for this share of the time."""

    workers: int
    used: float

    @property
    def rate(self) -> float:
        """Arrivals a second."""
        return self.used * self.workers * 1000.0 / PATIENT.service_ms_mean


POINTS: Final = tuple(
    Point(workers=workers, used=used)
    for workers, used in ((1, 0.5), (2, 0.7), (4, 0.8), (8, 0.9), (16, 0.95))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Mean waits of consecutive batches, each far longer than a queue lasts."""

    batches_ms: tuple[float, ...]

    @property
    def mean_ms(self) -> float:
        """Over all."""
        return float(np.mean(self.batches_ms))

    def half_width_ms(self, confidence: float) -> float:
        """Of the interval about the mean, by the batches' spread (method of batch means).

        Law 2015, "Simulation Modeling and Analysis", 9.5.3. The normal quantile is widened to
        Student's by its first two terms (Abramowitz and Stegun 26.7.5).
        """
        count = len(self.batches_ms)
        z, degrees = NormalDist().inv_cdf(0.5 + confidence / 2.0), count - 1
        t = z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        return t * float(np.std(self.batches_ms, ddof=1)) / math.sqrt(count)


def event_waits(point: Point, *, requests: int, seed: int) -> Waits:
    """Serve so many requests one by one."""
    duration_s = _duration_s(point, requests)
    engine = EventEngine(_steady(point, duration_s, seed), PATIENT, seed=seed)
    engine.advance(duration_s, point.workers)
    return _batched(engine.record.wait_s, engine.record.arrived)


def fluid_waits(point: Point, *, requests: int, seed: int) -> Waits:
    """Serve so many requests by levels of work."""
    duration_s = _duration_s(point, requests)
    engine = FluidEngine(_steady(point, duration_s, seed), PATIENT, seed=seed)
    engine.advance(duration_s, point.workers)
    return _batched(engine.record.wait_s, engine.record.arrived)


def ciw_waits(point: Point, *, requests: int, seed: int) -> Waits:
    """Serve so many requests in Ciw, by chances of its own."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(point.rate)],
        service_distributions=[ciw.dists.Exponential(1000.0 / PATIENT.service_ms_mean)],
        number_of_servers=[point.workers],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(requests / point.rate)
    records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
    waits_ms = 1000.0 * np.array([float(record.waiting_time) for record in records])
    return Waits(batches_ms=tuple(float(part.mean()) for part in np.array_split(waits_ms, BATCHES)))


def _duration_s(point: Point, requests: int) -> int:
    return math.ceil(requests / point.rate / BATCHES) * BATCHES


def _steady(point: Point, duration_s: int, seed: int) -> Workload:
    counts = np.random.default_rng(seed).poisson(point.rate, duration_s)
    return Workload(name="steady", counts=counts)


def _batched(waited_s: Floats, arrived: Floats) -> Waits:
    waited, count = (
        np.reshape(values, (BATCHES, -1)).sum(axis=1) for values in (waited_s, arrived)
    )
    return Waits(batches_ms=tuple((1000.0 * waited / count).tolist()))
