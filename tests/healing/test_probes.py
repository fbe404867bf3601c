"""Our own probes: real servers on loopback, and what may be said after which rounds."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

import grpc
import msgspec
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from healing.cluster import probes
from healing.cluster.kube.objects import PodObject
from healing.cluster.kube.probe_targets import ProbeTarget, targets_of
from healing.cluster.probes import Prober
from healing.control.health_threshold import HealthThresholds
from knowledge.cluster import Probe
from tests.healing.conftest import TARGET, World

OTHER = replace(TARGET, name="other", uid="w-other")
QUICK = HealthThresholds(unhealthy_count=1, healthy_count=1)


def _target(port: int, **changes: Any) -> ProbeTarget:
    base = ProbeTarget(
        pod_uid="p", workload=TARGET, kind="http", ip="127.0.0.1", port=port, timeout_s=0.5
    )
    return replace(base, **changes)


@contextlib.asynccontextmanager
async def _http(answer: str, *, wait_s: float = 0.0) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that says the same to everybody, and the first lines that it was sent."""
    asked: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append((await reader.readline()).decode().strip())
            await asyncio.sleep(wait_s)
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked
    await asyncio.sleep(0.01)  # the last connection is told that it is over


async def _said(*rounds: tuple[ProbeTarget, ...]) -> dict[str, Probe]:
    prober = Prober(_nobody, period_s=10.0, thresholds=QUICK)
    for targets in rounds:
        await prober.round(targets)
    return dict(prober.latest())


async def _nobody() -> Iterable[ProbeTarget]:
    return ()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("200 OK", "ok"),
        ("302 Found", "ok"),
        ("404 Not Found", "failed"),
        ("500 Oops", "failed"),
        ("nonsense", "failed"),
    ],
)
def test_http_is_judged_as_a_kubelet_does(answer: str, says: Probe) -> None:
    async def act() -> dict[str, Probe]:
        async with _http("200 OK") as (well, _), _http(answer) as (port, asked):
            found = await _said((_target(well),), (_target(port, path="/ready"),))
            assert asked == ["GET /ready HTTP/1.1"]  # redirects are not followed
            return found

    assert asyncio.run(act()) == {"p": says}


def test_a_pod_that_does_not_answer_in_time_fails_and_does_not_hold_up_the_round() -> None:
    async def act() -> dict[str, Probe]:
        async with _http("200 OK") as (well, _), _http("200 OK", wait_s=3.0) as (slow, _):
            prober = Prober(_nobody, period_s=10.0, thresholds=QUICK)
            await prober.round((_target(well),))
            began_s = time.monotonic()
            await prober.round((_target(slow), _target(well, pod_uid="q")))
            assert time.monotonic() - began_s < 2.0
            return dict(prober.latest())

    assert asyncio.run(act()) == {"p": "failed", "q": "ok"}


def test_tcp_is_a_connection() -> None:
    async def act() -> tuple[dict[str, Probe], dict[str, Probe]]:
        async with _http("200 OK") as (port, _):
            well = await _said((_target(port, kind="tcp"),))
        return well, await _said((_target(port, kind="tcp"),))

    assert asyncio.run(act()) == ({"p": "ok"}, {"p": "unknown"})


@pytest.mark.parametrize(("status", "says"), [("SERVING", "ok"), ("NOT_SERVING", "failed")])
def test_grpc_asks_the_health_service(status: str, says: Probe) -> None:
    async def act() -> dict[str, Probe]:
        server = grpc.aio.server()
        service = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(service, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        kind = health_pb2.HealthCheckResponse
        try:
            await service.set("shop.Cart", kind.SERVING)
            target = _target(port, kind="grpc", service="shop.Cart", timeout_s=2.0)
            prober = Prober(_nobody, period_s=10.0, thresholds=QUICK)
            await prober.round((target,))
            await service.set("shop.Cart", kind.ServingStatus.Value(status))
            await prober.round((target,))
            return dict(prober.latest())
        finally:
            await server.stop(None)

    assert asyncio.run(act()) == {"p": says}


def _rounds(act: Callable[[int, int], Awaitable[dict[str, Probe]]]) -> dict[str, Probe]:
    """With the port of one that is well, and one at which nobody listens."""

    async def run() -> dict[str, Probe]:
        async with _http("200 OK") as (gone, _):
            pass
        async with _http("200 OK") as (well, _):
            return await act(well, gone)

    return asyncio.run(run())


def test_what_never_passed_says_nothing_about_the_pod() -> None:
    found = _rounds(lambda well, gone: _said((_target(gone), _target(well, workload=OTHER))))
    assert found["p"] == "ok"  # the same pod uid was the other workload's last
    found = _rounds(
        lambda well, gone: _said((_target(gone), _target(well, workload=OTHER, pod_uid="q")))
    )
    assert found == {"p": "unknown", "q": "ok"}


def test_a_new_pod_is_judged_by_what_passed_for_its_workload() -> None:
    found = _rounds(lambda well, gone: _said((_target(well),), (_target(gone, pod_uid="new"),)))
    assert found == {"new": "failed"}


def test_who_reaches_nobody_any_more_is_himself_cut_off() -> None:
    async def act(well: int, gone: int) -> dict[str, Probe]:
        before = (_target(well), _target(well, pod_uid="q", workload=OTHER))
        return await _said(before, tuple(replace(target, port=gone) for target in before))

    assert _rounds(act) == {"p": "ok", "q": "ok"}


def test_at_most_so_many_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = 0, 0

    async def ask(*_: object) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.001)
        at_once -= 1
        return True

    monkeypatch.setattr(probes, "_ask", ask)
    asyncio.run(_said(tuple(_target(1, pod_uid=str(n)) for n in range(300))))
    assert most == probes.CONCURRENCY


def _pod(**container: Any) -> dict[str, PodObject]:
    body = {
        "metadata": {"name": "back-0", "uid": "p-0"},
        "spec": {"containers": [{"name": "app", **container}]},
        "status": {"podIP": "10.1.2.3", "phase": "Running"},
    }
    return {"p-0": msgspec.convert(body, PodObject)}


def test_only_the_pod_s_own_address_is_asked_whatever_its_probe_names() -> None:
    http_get = {"host": "169.254.169.254", "port": "web", "path": "ready", "scheme": "HTTPS"}
    ports = [{"containerPort": 8443, "name": "web"}]
    pods = _pod(readinessProbe={"httpGet": http_get, "timeoutSeconds": 60}, ports=ports)
    (target,) = targets_of(World().report(), pods)
    assert (target.kind, target.ip, target.port) == ("https", "10.1.2.3", 8443)
    assert (target.path, target.timeout_s) == ("/ready", 5.0)


@pytest.mark.parametrize(
    ("container", "kind"),
    [
        ({"readinessProbe": {"grpc": {"port": 9000}}}, "grpc"),
        ({"readinessProbe": {"tcpSocket": {"port": 9000}}}, "tcp"),
        ({"readinessProbe": {"exec": {}}, "ports": [{"containerPort": 9000}]}, "tcp"),
        ({"ports": [{"containerPort": 53, "protocol": "UDP"}]}, None),
        ({"readinessProbe": {"httpGet": {"port": "no-such-name"}}}, None),
        ({}, None),
    ],
)
def test_the_owner_s_own_check_is_used_or_else_a_port(
    container: dict[str, Any], kind: str | None
) -> None:
    found = targets_of(World().report(), _pod(**container))
    assert [target.kind for target in found] == ([kind] if kind else [])


def test_workloads_that_are_not_opted_in_are_never_asked() -> None:
    pods = _pod(ports=[{"containerPort": 80}])
    assert targets_of(World().report(), pods)
    closed = replace(World().workload, is_opted_in=False)
    assert not targets_of(World(workload=closed).report(), pods)
