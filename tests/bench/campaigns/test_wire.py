"""What becomes of telemetry on its way."""

from random import Random

from bench.campaigns.scenario import Trouble
from bench.campaigns.town import TOWN
from bench.campaigns.wire import Wire
from twin.telemetry import Parcel
from twin.world import World

SECOND_NS = 10**9
START = 1_760_000_000 * SECOND_NS


def _parcels() -> tuple[Parcel, ...]:
    world = World(TOWN, 3, START)
    world.advance(START + 10 * SECOND_NS)
    return world.take_telemetry()


def _carried(trouble: Trouble, at_s: float) -> list[Parcel]:
    wire = Wire((trouble,), Random(1), START)
    return wire.carry(_parcels(), now_unix_ns=START + int(at_s * SECOND_NS))


def test_a_silent_service_says_nothing_and_the_others_speak() -> None:
    trouble = Trouble(kind="silent", begin_s=0, end_s=20, services=frozenset({"stock"}))
    services = {parcel.source.service for parcel in _carried(trouble, 10)}
    assert "stock" not in services
    assert "catalog" in services


def test_a_trouble_ends() -> None:
    trouble = Trouble(kind="silent", begin_s=0, end_s=20)
    assert _carried(trouble, 19) == []
    assert len(_carried(trouble, 20)) == len(_parcels())


def test_what_is_delayed_arrives_later_and_whole() -> None:
    wire = Wire((Trouble(kind="delayed", begin_s=0, end_s=20, amount=30.0),), Random(1), START)
    assert wire.carry(_parcels(), now_unix_ns=START + 10 * SECOND_NS) == []
    late = wire.carry((), now_unix_ns=START + 41 * SECOND_NS)
    assert sorted(late, key=repr) == sorted(_parcels(), key=repr)


def test_a_collector_that_comes_back_sends_what_it_held() -> None:
    trouble = Trouble(kind="restarted", begin_s=0, end_s=30, amount=1.0)
    wire = Wire((trouble,), Random(1), START)
    assert wire.carry(_parcels(), now_unix_ns=START + 10 * SECOND_NS) == []
    assert len(wire.carry((), now_unix_ns=START + 30 * SECOND_NS)) == 2 * len(_parcels())


def test_a_sampler_keeps_whole_traces() -> None:
    trouble = Trouble(kind="sampled", begin_s=0, end_s=20, amount=0.5)
    kept = [s for parcel in _carried(trouble, 10) for s in parcel.spans]
    everything = [s for parcel in _parcels() for s in parcel.spans]
    ids = {span.trace_id for span in kept}
    assert kept == [span for span in everything if span.trace_id in ids]
    assert 0.3 < len(kept) / len(everything) < 0.7


def test_a_skewed_clock_shifts_all_that_is_said() -> None:
    trouble = Trouble(kind="skewed", begin_s=0, end_s=20, amount=-90.0)
    shifted, plain = _carried(trouble, 10), _parcels()
    gaps = {
        a.end_unix_ns - b.end_unix_ns
        for moved, stayed in zip(shifted, plain, strict=True)
        for a, b in zip(moved.spans, stayed.spans, strict=True)
    }
    assert gaps == {-90 * SECOND_NS}
