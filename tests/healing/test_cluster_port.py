"""The adapter over a local socket; behind it stands the twin's own server: both ends are real."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from healing.cluster.socket import SocketCluster
from knowledge.cluster import Cluster, ClusterUnavailableError
from tests.healing.cluster_contract import ClusterContract
from twin.commands import Commands
from twin.sender import Sender
from twin.server import SocketServer
from twin.shop import SHOP
from twin.world import World

T = TypeVar("T")
START = 1_800_000_000 * 10**9


@dataclass(frozen=True)
class SocketPort:
    """A served cluster socket."""

    path: Path
    namespace: str = SHOP.namespace

    def do(self, act: Callable[[Cluster], Awaitable[T]]) -> T:
        async def run() -> T:
            cluster = SocketCluster(str(self.path))
            try:
                return await act(cluster)
            finally:
                await cluster.close()

        return asyncio.run(run())


@pytest.fixture
def port(tmp_path: Path) -> Iterator[SocketPort]:
    world = World(SHOP, 1, START)
    sender = Sender("127.0.0.1:9")  # nothing is sent: time stands still
    commands = Commands(world, sender, lambda: None)
    server = SocketServer(tmp_path / "cluster.sock", commands.cluster)
    yield SocketPort(tmp_path / "cluster.sock")
    server.close()
    sender.close()


class TestSocketCluster(ClusterContract):
    """The contract, as the twin keeps it."""


def test_a_silent_cluster_is_unavailable_and_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailableError, match=r"none\.sock"):
        SocketPort(tmp_path / "none.sock").do(lambda cluster: cluster.report())


def test_the_adapter_comes_back_when_the_cluster_does(port: SocketPort) -> None:
    async def act(cluster: Any) -> int:
        await cluster.report()
        cluster._streams[1].close()  # as if the peer had gone
        with pytest.raises(ClusterUnavailableError):
            await cluster.report()
        return len((await cluster.report()).workloads)

    assert port.do(act) >= 8
