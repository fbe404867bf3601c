"""Waits in the engines of one service: against M/M/c, and request by request against Ciw.

The five points go from half to 0.95 busy, from one worker to sixteen. A mean of simulated waits is
known to an interval only; each test says how wide it is and that theory lies within. The longer
run of `make bench-twin` has narrower ones, and Ciw by its own chance.
"""

import math

import ciw
import numpy as np
import pytest

from bench.twin.waits import PATIENT, POINTS, Point, event_waits, fluid_waits
from knowledge.erlang import mean_wait_ms
from twin.scaling.event_engine import EventEngine
from twin.scaling.workload import Floats, Workload, arrivals

REQUESTS = {0.5: 15_000, 0.7: 60_000, 0.8: 150_000, 0.9: 600_000, 0.95: 1_500_000}
"""So many that the interval of 95 % is narrower than a tenth of the mean to each side."""
SAME = 1e-6


@pytest.mark.parametrize("point", POINTS)
def test_waits_of_the_event_engine_are_those_of_m_m_c(point: Point) -> None:
    found = event_waits(point, requests=REQUESTS[point.used], seed=5)
    expected = mean_wait_ms(point.workers, point.rate, PATIENT.service_ms_mean)
    assert found.mean_ms == pytest.approx(expected, rel=0.1)
    assert abs(found.mean_ms - expected) <= found.half_width_ms(0.99)
    assert found.half_width_ms(0.95) <= 0.1 * expected


@pytest.mark.parametrize("point", POINTS)
def test_each_request_waits_in_the_event_engine_as_it_does_in_ciw(point: Point) -> None:
    """The same arrivals and work in both, so nothing is left to chance."""
    duration_s = math.ceil(3_000 / point.rate)
    counts = np.random.default_rng(4).poisson(point.rate, duration_s)
    workload = Workload(name="same", counts=counts)
    at_s, work_s = arrivals(workload, PATIENT, from_s=0, to_s=duration_s, seed=9)
    engine = EventEngine(workload, PATIENT, seed=9)
    engine.advance(duration_s, point.workers)
    second = at_s.astype(int)
    theirs = np.bincount(second, weights=_ciw_waits(at_s, work_s, point.workers))
    ours = engine.record.wait_s[: len(theirs)]
    assert ours.sum() > 0.0
    assert np.abs(ours - theirs).max() < SAME


def _ciw_waits(at_s: Floats, work_s: Floats, workers: int) -> Floats:
    """Return the wait of each request in Ciw, in the order of arrival."""
    never = 1e9
    gaps = [*np.diff(at_s, prepend=0.0).tolist(), never]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential(gaps)],
        service_distributions=[ciw.dists.Sequential(work_s.tolist())],
        number_of_servers=[workers],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(never / 2.0)
    records = sorted(simulation.get_all_records(), key=lambda record: record.id_number)
    assert len(records) == len(at_s)
    return np.array([float(record.waiting_time) for record in records])


@pytest.mark.parametrize("point", POINTS)
def test_waits_of_the_fluid_engine_are_those_of_m_m_c(point: Point) -> None:
    """The diffusion limit is one of many workers: two or fewer are coarse."""
    found = fluid_waits(point, requests=4 * REQUESTS[point.used], seed=3)
    expected = mean_wait_ms(point.workers, point.rate, PATIENT.service_ms_mean)
    allowed = 0.1 if point.workers > 2 else 0.25
    assert found.mean_ms == pytest.approx(expected, rel=allowed)
