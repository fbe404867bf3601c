"""What can be done to a running world: the twin's own faults, and some more made from its parts."""

from collections.abc import Callable, Mapping
from math import log
from typing import Final

from twin.world import World

NOISY_FACTOR: Final = 4.0
"""A neighbour that leaves a quarter of the CPU."""
CONFIG_FAILED_RATIO: Final = 0.3
SLOW_MS: Final = 900.0
RETRIED_FACTOR: Final = 1.4
"""Users who get nothing ask again."""
SURGE_FACTOR: Final = 3.0


def _noisy_neighbour(world: World, service: str) -> None:
    """All pods of a service work slowly, as where a neighbour takes their CPU."""
    deployment = world.deployments[service]
    deployment.operations = {
        name: (operation, mu + log(NOISY_FACTOR), sigma)
        for name, (operation, mu, sigma) in deployment.operations.items()
    }


def _bad_config(world: World, service: str) -> None:
    """A setting that a part of the requests fails on, without a release."""
    for release in world.deployments[service].releases:
        release.error_ratio = CONFIG_FAILED_RATIO


def _slow_store(world: World, service: str) -> None:
    """The store behind a service takes long."""
    world.deployments[service].external_ms_mean = SLOW_MS


def _retry_storm(world: World, service: str) -> None:
    """A slow store, and users who ask again."""
    _slow_store(world, service)
    for operation, rate_per_s in tuple(world.arrivals_per_s.items()):
        world.set_demand(operation, RETRIED_FACTOR * rate_per_s)


def _all_pods_gone(world: World, service: str) -> None:
    """The node under all pods of a service is lost: they crash at once and go on crashing."""
    world.inject("crash_loop", service)


PLAYS: Final[Mapping[str, Callable[[World, str], None]]] = {
    "noisy neighbour": _noisy_neighbour,
    "bad config": _bad_config,
    "slow store": _slow_store,
    "retry storm": _retry_storm,
    "node lost": _all_pods_gone,
}


def play(world: World, kind: str, service: str) -> None:
    """Let a fault or an event begin now; "nothing" is one of them."""
    if kind == "nothing":
        return
    if kind in PLAYS:
        PLAYS[kind](world, service)
    elif kind in {"good_release", "lone_crash", "busy_hour"}:
        world.happen(kind, service)
    else:
        world.inject(kind, service)
