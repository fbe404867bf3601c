"""One control plane for all tests of this folder; a namespace for each."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import objects
from tests.cluster.place import Place
from tests.parts.control_plane import ControlPlane

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane with two nodes."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start()
        plane.start_nodes()
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def place(plane: ControlPlane) -> Place:
    """An empty namespace that is opted in."""
    name = f"test-{next(_numbers)}"
    plane.admin.create("/api/v1/namespaces", objects.namespace(name))
    return Place(plane, name)


@pytest.fixture
def settled(place: Place) -> Callable[[str], Place]:
    """Makes a Deployment that runs the second of its two releases."""

    def make(name: str) -> Place:
        place.deploy(objects.deployment(name, "1.0.0"))
        place.settle(name)
        place.release(name, "1.1.0")
        place.settle(name)
        return place

    return make
