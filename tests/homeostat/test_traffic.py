import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from healing.settings import HealingSettings
from healing.traffic.settings import PoolSettings, TrafficSettings
from homeostat.traffic import Traffic
from tests.analysis.conftest import Spans

S = 1_000_000_000


@pytest.fixture
def backend() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


class Clock:
    def __init__(self) -> None:
        self.now_unix_ns = 1_000 * S


def traffic(
    clock: Clock, folder: Path, address: str, *, mode: str = "auto", halted: str | None = None
) -> Traffic:
    pool = PoolSettings(
        namespace="shop",
        mode="auto",
        backends={address: 1.0, "127.0.0.1:1": 1.0, "127.0.0.1:2": 1.0},
        is_probed=True,
    )
    settings = HealingSettings(
        namespaces={"shop": mode},  # type: ignore[dict-item] # a test's word
        traffic=TrafficSettings(pools={"shop": pool}, last_good=str(folder)),
    )
    return Traffic(settings, lambda: clock.now_unix_ns, lambda _: halted)


def told(loop: Traffic, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now_unix_ns += S
        spans, now_ms = Spans(), clock.now_unix_ns // 10**6
        for address, ms in (("127.0.0.1:1", 5), ("127.0.0.1:2", 80)):
            for _ in range(20):
                spans.add("web", now_ms - ms, now_ms, kind=3, address=address)
        loop.take(spans.table())
        asyncio.run(loop.update())


def weights(loop: Traffic) -> dict[str, float]:
    return {w.address: w.weight for w in loop.weights()["shop"]}


@pytest.mark.parametrize(("mode", "halted"), [("suggest", None), ("auto", "a bug")])
def test_where_nothing_may_be_written_envoy_gets_the_configured_weights(
    mode: str, halted: str | None, tmp_path: Path
) -> None:
    clock = Clock()
    loop = traffic(clock, tmp_path, "127.0.0.1:3", mode=mode, halted=halted)
    told(loop, clock, 20)
    assert set(weights(loop).values()) == {1.0}
    (record,) = loop.records()
    assert {w.address: w.weight for w in record.proposed}["127.0.0.1:2"] < 0.6


def test_weights_that_nobody_looks_after_are_not_given(tmp_path: Path) -> None:
    clock = Clock()
    loop = traffic(clock, tmp_path, "127.0.0.1:3")
    told(loop, clock, 20)
    assert weights(loop)["127.0.0.1:2"] < 0.6
    clock.now_unix_ns += 16 * S
    assert set(weights(loop).values()) == {1.0}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    loop = traffic(Clock(), tmp_path / "taken", "127.0.0.1:3")
    asyncio.run(loop.update())
    assert "cannot be written" in loop.records()[0].carried["last_good"]


def test_a_backend_that_does_not_listen_is_out_and_comes_back(
    tmp_path: Path, backend: socket.socket
) -> None:
    clock = Clock()
    host, port = backend.getsockname()
    pool_of = traffic(clock, tmp_path, f"{host}:{port}")
    pool_of._health = {f"{host}:{port}": pool_of._health[f"{host}:{port}"]}
    backend.close()

    async def probe(times: int) -> None:
        for _ in range(times):
            await pool_of.probe()
        clock.now_unix_ns += S
        await pool_of.update()

    asyncio.run(probe(3))
    assert {w.place for w in pool_of.weights()["shop"]} == {"in", "unhealthy"}
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((host, port))
        again.listen()
        asyncio.run(probe(2))
    assert {w.place for w in pool_of.weights()["shop"]} == {"in"}
    assert json.loads((tmp_path / "shop.json").read_text())["resources"]
