"""What happens in a healthy cluster leaves it healthy."""

from dataclasses import replace

import pytest

from bench.campaigns.town import TOWN
from twin.world import World

SECOND_NS = 10**9
START = 1_760_000_000 * SECOND_NS


@pytest.fixture
def world() -> World:
    world = World(TOWN, 3, START)
    world.advance(START + 10 * SECOND_NS)
    return world


def test_a_good_release_is_rolled_out_and_serves(world: World) -> None:
    world.happen("good_release", "catalog")
    world.advance(START + 90 * SECOND_NS)
    (catalog,) = (w for w in world.report().workloads if w.key.name == "catalog")
    assert (catalog.revision, catalog.is_rolling) == (3, False)
    pods = world.report().pods_of(catalog.key)
    assert {(pod.revision, pod.ready, pod.probe) for pod in pods} == {(3, True, "ok")}
    assert world.truth()["faults"] == []


def test_a_lone_crash_heals_by_itself(world: World) -> None:
    world.happen("lone_crash", "catalog")
    world.advance(START + 40 * SECOND_NS)
    pods = [pod for pod in world.report().pods if pod.workload.name == "catalog"]
    assert sorted(pod.restart_count for pod in pods) == [0, 0, 1]
    assert all(pod.ready for pod in pods)


def test_a_busy_hour_asks_for_more_and_is_served(world: World) -> None:
    before = world.truth()["services"]["search"]["utilisation"]
    world.happen("busy_hour", "search")
    assert before < world.truth()["services"]["search"]["utilisation"] < 0.7


def test_an_unknown_event_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no event 'strike'"):
        world.happen("strike", "catalog")


def test_copies_of_a_world_part_ways_by_their_seed() -> None:
    def goes_on(seed: int) -> object:
        other = World(TOWN, 3, START)
        other.advance(START + 10 * SECOND_NS)
        other.reseed(seed)
        other.advance(START + 20 * SECOND_NS)
        return other.take_telemetry()

    assert goes_on(1) == goes_on(1) != goes_on(2)


def test_the_room_on_the_nodes_is_what_the_pods_leave() -> None:
    world = World(replace(TOWN, pods_max=20), 3, START)
    assert {workload.room for workload in world.report().workloads} == {2}
    assert {workload.room for workload in World(TOWN, 3, START).report().workloads} == {None}
