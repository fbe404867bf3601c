"""A world whose pods are those of a cluster that it follows."""

from dataclasses import replace

import pytest

from tests.twin.conftest import START_UNIX_NS
from twin.mirror import FollowedPod, FollowedWorkload, MirrorError, Picture, PodHealth
from twin.model import NS_PER_S
from twin.shop import SHOP
from twin.world import World


def followed(name: str, *, template: str = "t1", version: str = "", count: int = 2) -> Picture:
    """All workloads of the shop, ready; `name` with a template, version and count of its own."""
    workloads = []
    for service in SHOP.services:
        is_it = service.name == name
        release = version if is_it and version else service.versions[-1]
        mark = template if is_it else "t1"
        pods = tuple(
            FollowedPod(
                name=f"{service.name}-{mark}-{index}",
                uid=f"{service.name}-{mark}-{index}",
                template=mark,
                version=release,
                is_ready=True,
            )
            for index in range(count if is_it else service.replicas)
        )
        workloads.append(
            FollowedWorkload(
                name=service.name,
                replicas=len(pods),
                template=mark,
                version=release,
                pods=pods,
            )
        )
    return Picture(workloads=tuple(workloads))


@pytest.fixture
def world() -> World:
    world = World(SHOP, 1, START_UNIX_NS, is_mirror=True)
    world.follow(followed("cart"))
    return world


def run(world: World, seconds: int, picture: Picture) -> tuple[PodHealth, ...]:
    health: tuple[PodHealth, ...] = ()
    for _ in range(seconds):
        world.advance(world.now_unix_ns + NS_PER_S)
        health = world.follow(picture)
    return health


def spoke(world: World) -> set[str]:
    return {parcel.source.pod_uid for parcel in world.take_telemetry() if parcel.spans}


def test_exactly_the_pods_of_the_picture_serve(world: World) -> None:
    run(world, 5, followed("cart"))
    before = spoke(world)
    assert {uid for uid in before if uid.startswith("cart-")} == {"cart-t1-0", "cart-t1-1"}
    run(world, 5, followed("cart", template="t2", count=3))
    spoke(world)
    run(world, 5, followed("cart", template="t2", count=3))
    assert {u for u in spoke(world) if u.startswith("cart-")} == {f"cart-t2-{i}" for i in range(3)}


def test_a_pod_that_the_cluster_does_not_find_ready_gets_no_requests(world: World) -> None:
    picture = followed("cart")
    carts = next(w for w in picture.workloads if w.name == "cart")
    unready = tuple(replace(p, is_ready=p.uid.endswith("0")) for p in carts.pods)
    others = tuple(w for w in picture.workloads if w.name != "cart")
    half = Picture(workloads=(*others, replace(carts, pods=unready)))
    run(world, 2, half)
    spoke(world)
    run(world, 5, half)
    assert {u for u in spoke(world) if u.startswith("cart-")} == {"cart-t1-0"}


def test_pods_that_hang_are_told_unready_until_they_are_replaced(world: World) -> None:
    run(world, 5, followed("cart"))
    world.inject("dead_service", "cart")
    health = run(world, 2, followed("cart"))
    assert {h.is_ready for h in health if h.name.startswith("cart-")} == {False}
    assert world.truth()["faults"][0]["cured_unix_ns"] is None
    health = run(world, 2, followed("cart", template="t2"))
    assert {h.is_ready for h in health if h.name.startswith("cart-")} == {True}
    assert world.truth()["faults"][0]["cured_unix_ns"] is not None


def test_a_crashing_release_fails_only_where_it_is_deployed(world: World) -> None:
    picture = followed("cart")
    run(world, 5, picture)
    fault = world.inject("crashing_release", "cart")
    assert fault.version not in SHOP.service("cart").versions
    run(world, 20, picture)
    assert all(not h.restart_count for h in world.follow(picture))
    released = followed("cart", template="t2", version=fault.version)
    health = run(world, 30, released)
    assert all(h.restart_count for h in health if h.name.startswith("cart-"))
    assert world.truth()["faults"][0]["cured_unix_ns"] is None
    run(world, 2, picture)
    assert world.truth()["faults"][0]["cured_unix_ns"] is not None


def test_usage_is_told_as_a_share_of_the_limit(world: World) -> None:
    health = run(world, 10, followed("cart"))
    assert len(health) == sum(len(w.pods) for w in followed("cart").workloads)
    assert all(0.0 < h.cpu_ratio < 1.0 and 0.0 < h.memory_ratio < 1.0 for h in health)


def test_a_picture_of_another_system_is_refused(world: World) -> None:
    stranger = FollowedWorkload(name="bank", replicas=1, template="t", version="1.0.0", pods=())
    with pytest.raises(MirrorError, match="no service is called bank"):
        world.follow(Picture(workloads=(stranger,)))


def test_a_world_with_a_cluster_of_its_own_follows_none() -> None:
    with pytest.raises(MirrorError, match="follows none"):
        World(SHOP, 1, START_UNIX_NS).follow(Picture(workloads=()))
