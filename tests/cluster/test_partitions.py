"""A leader that is cut off, an API that hangs for a minute, clocks an hour apart: one writer still.

Everything passes through a proxy that ends connections, or holds them and lets them arrive late.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from healing.cluster.kube.subjects import fence_of
from tests.cluster.place import Place
from tests.cluster.replicas import TAKEOVER_S, Stage, started, status
from tests.cluster.test_rights import only, served
from tests.healing.cluster_contract import TARGET
from tests.parts.faulty_proxy import Fate, FaultyProxy

OK = 200
HANG_S = 60.0
HOUR_S = 3600.0
AFTER_S = 4.0
"""So long after all is fair again nothing may happen any more: two periods of the lease."""


@pytest.fixture
def proxied(
    settled: Callable[[str], Place], tmp_path: Path
) -> Iterator[Callable[[Fate], tuple[Stage, FaultyProxy]]]:
    """A stage whose replicas reach the API server through a proxy, with the rights we ask for."""
    place = settled(TARGET)
    serving = served(place, only(place, "scale"))
    home = f"{place.namespace}-own"
    account = place.plane.account(home, "homeostat")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases"
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    spec = {"leaseTransitions": 4, "leaseDurationSeconds": 13}
    place.plane.admin.create(path, {**body, "metadata": {"name": "homeostat"}, "spec": spec})
    proxies: list[FaultyProxy] = []

    def start(fate: Fate) -> tuple[Stage, FaultyProxy]:
        proxy = FaultyProxy(place.plane, {"act-1": fate})
        proxies.append(proxy)
        proxy.start()
        kubeconfig = place.plane.write_kubeconfig(account, f"way-{proxy.port}", port=proxy.port)
        return Stage(serving, home, tmp_path, kubeconfig), proxy

    yield start
    for proxy in proxies:
        proxy.turn("parted")
        proxy.stop()


@pytest.mark.parametrize(
    ("fate", "weather", "held_s", "count"),
    [("late", "hanging", HANG_S, 0), ("reply lost", "parted", 0.0, 1)],
)
def test_no_write_of_a_stale_epoch_takes_effect(
    proxied: Callable[[Fate], tuple[Stage, FaultyProxy]],
    fate: Fate,
    weather: str,
    held_s: float,
    count: int,
) -> None:
    """The leader's wall clock is an hour ahead, its successor's an hour behind."""
    stage, proxy = proxied(fate)
    before = stage.place.get(TARGET)["spec"]
    writer = stage.writer("through")
    try:
        writer.wait_until(lambda: proxy.held == {"act-1"}, 30)
        proxy.turn(weather)  # type: ignore[arg-type]  # one of its words
        began_s = time.monotonic()
        memory, took_s = stage.succeed(off_s=-HOUR_S)
        assert took_s < TAKEOVER_S
        (outcome,) = memory.outcomes
        assert outcome.status == ("applied" if count else "conflict")
        live, lease = stage.place.get(TARGET), stage.lease()
        assert fence_of(live) == lease["leaseTransitions"]
        time.sleep(max(0.0, began_s + held_s - time.monotonic()))
        proxy.turn("fair")  # what was sent by then arrives now, the lease's renewals too
        assert proxy.let_late() == (0 if count else 1)
        writer.wait_until(lambda: "outcome" in writer.log.read_text(), 20)
        time.sleep(AFTER_S)
        assert count or "outcome applied" not in writer.log.read_text()
        assert _effects(stage.place) == count
        now = stage.place.get(TARGET)
        assert now["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"] or count
        assert now["spec"] == live["spec"]
        assert (now["spec"] == before) != bool(count)
        assert stage.lease() == lease
    finally:
        writer.stop(0)


def test_a_leader_that_is_cut_off_stands_by_until_it_hears_again_and_after(
    proxied: Callable[[Fate], tuple[Stage, FaultyProxy]],
) -> None:
    ways = (proxied("well"), proxied("well"))
    brains = started(ways[0][0], (ways[0][0].kubeconfig, ways[1][0].kubeconfig))
    try:
        brains.wait_for("leader", "standby")
        leader, first = brains.roles().index("leader"), brains.epoch()
        ways[leader][1].turn("parted")
        began_s = time.monotonic()
        while brains.roles()[1 - leader] != "leader":
            assert time.monotonic() < began_s + TAKEOVER_S
            # the two are never leaders at once
            time.sleep(0.1)
        assert brains.roles() == (("standby", "leader") if leader == 0 else ("leader", "standby"))
        assert brains.epoch() == first + 1
        ways[leader][1].turn("fair")
        brains.wait_for("leader", "standby")
        time.sleep(AFTER_S)
        assert brains.roles()[leader] == "standby"
        assert all(status(url)["halted"] is None for url in brains.urls)
    finally:
        for process in brains.processes:
            process.stop()


def _effects(place: Place) -> int:
    """How often the action took effect, by the API server's own word; fences are none."""
    lines = map(json.loads, place.plane.audit_log.read_text().splitlines())
    return sum(
        line["objectRef"].get("namespace") == place.namespace
        and line["verb"] == "patch"
        and "dryRun" not in line["requestURI"]
        and line["responseStatus"]["code"] == OK
        and "act-1" in json.dumps(line.get("requestObject"))
        for line in lines
    )
