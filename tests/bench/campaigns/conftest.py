"""One warm start for all stories of a test session."""

import asyncio

import pytest

from bench.campaigns.simulation import Simulation, warmed
from bench.campaigns.town import TOWN

WARM_S = 90.0


@pytest.fixture(scope="session")
def warm() -> Simulation:
    return asyncio.run(warmed(Simulation(TOWN, 1), WARM_S))
