"""The short way of a campaign yields the very rows of the long way over OTLP."""

import pyarrow as pa
import pytest

from bench.campaigns.columns import tables
from bench.campaigns.town import TOWN
from knowledge.schemas import SIGNALS, Signal
from receiver.decode import decode
from twin.otlp import Encoder
from twin.telemetry import Parcel
from twin.world import World

SECOND_NS = 10**9
START = 1_760_000_000 * SECOND_NS


@pytest.fixture(scope="module")
def parcels() -> tuple[Parcel, ...]:
    """A minute of a system that is in trouble, so that all there is to say is said."""
    world = World(TOWN, 3, START)
    world.advance(START + 20 * SECOND_NS)
    world.inject("bad_release", "catalog")
    world.inject("crash_loop", "orders")
    world.advance(START + 60 * SECOND_NS)
    return world.take_telemetry()


def _rows(table: pa.Table) -> list[dict[str, object]]:
    return sorted(table.to_pylist(), key=repr)


@pytest.mark.parametrize("signal", SIGNALS)
def test_rows_are_those_that_a_receiver_makes(signal: Signal, parcels: tuple[Parcel, ...]) -> None:
    bodies = [
        export.message.SerializeToString()
        for export in Encoder().exports(parcels)
        if export.signal == signal
    ]
    long_way = pa.Table.from_batches([decode(signal, bodies, items_max=10**6).rows])
    short_way = dict(tables(parcels))[signal]
    assert short_way.num_rows > 100
    assert short_way.schema == long_way.schema
    assert _rows(short_way) == _rows(long_way)
