"""The contract of the cluster port, kept by each adapter; here the one over a local socket.

Behind it stands the digital twin's own server, so both ends are real.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from healing.cluster.gate import write_guarded
from healing.cluster.socket import SocketCluster
from knowledge.cluster import (
    Change,
    Cluster,
    ClusterReport,
    ClusterUnavailableError,
    Restart,
    RollBackRelease,
    Scale,
    WriteIntent,
    WriteOutcome,
)
from knowledge.plans import Refused
from twin.commands import Commands
from twin.sender import Sender
from twin.server import SocketServer
from twin.shop import SHOP
from twin.world import World

T = TypeVar("T")
Do = Callable[[Callable[[Cluster], Awaitable[T]]], T]
START = 1_800_000_000 * 10**9


@pytest.fixture
def world() -> World:
    return World(SHOP, 1, START)


@pytest.fixture
def path(world: World, tmp_path: Path) -> Iterator[Path]:
    """A served cluster socket."""
    sender = Sender("127.0.0.1:9")  # nothing is sent: time stands still
    commands = Commands(world, sender, lambda: None)
    server = SocketServer(tmp_path / "cluster.sock", commands.cluster)
    yield tmp_path / "cluster.sock"
    server.close()
    sender.close()


def _do(path: Path, act: Callable[[Cluster], Awaitable[T]]) -> T:
    async def run() -> T:
        cluster = SocketCluster(str(path))
        try:
            return await act(cluster)
        finally:
            await cluster.close()

    return asyncio.run(run())


def _intent(report: ClusterReport, change: Callable[[Any], Change], name: str) -> WriteIntent:
    workload = next(w for w in report.workloads if w.key.name == name)
    return WriteIntent(
        id=f"act-{name}",
        plan_id="plan",
        issue_id="issue",
        epoch=1,
        change=change(workload),
        resource_version=workload.resource_version,
        undo=None,
        is_undo=False,
        created_unix_ns=START,
    )


CHANGES: list[Callable[[Any], Change]] = [
    lambda w: Scale(target=w.key, replicas=w.replicas + 1, replicas_before=w.replicas),
    lambda w: Restart(target=w.key),
    lambda w: RollBackRelease(target=w.key, revision=1, revision_before=w.revision),
]


def test_a_report_names_workloads_with_their_pods_and_releases(path: Path) -> None:
    report = _do(path, lambda cluster: cluster.report())
    assert len(report.workloads) >= 8
    for workload in report.workloads:
        assert workload.key.uid
        assert workload.resource_version
        assert len(report.pods_of(workload.key)) == workload.replicas
        assert workload.current_revision() is not None


@pytest.mark.parametrize("change", CHANGES)
def test_a_write_is_applied_once_however_often_it_is_tried(
    path: Path, change: Callable[[Any], Change]
) -> None:
    async def act(cluster: Cluster) -> tuple[WriteOutcome, ClusterReport, WriteOutcome, Any]:
        intent = _intent(await cluster.report(), change, "cart")
        first = await cluster.write(intent)
        between = await cluster.report()
        return first, between, await cluster.write(intent), await cluster.report()

    first, between, again, after = _do(path, act)
    assert (first.status, again.status) == ("applied", "applied")
    assert between == after


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stale", ["uid", "resource_version"])
def test_a_stale_write_changes_nothing(
    path: Path, change: Callable[[Any], Change], stale: str
) -> None:
    async def act(cluster: Cluster) -> tuple[WriteOutcome, Any, Any]:
        before = await cluster.report()
        intent = _intent(before, change, "cart")
        if stale == "uid":
            target = replace(intent.change.target, uid="another")
            intent = replace(intent, change=replace(intent.change, target=target))
        else:
            intent = replace(intent, resource_version="1")
        return await cluster.write(intent), before, await cluster.report()

    outcome, before, after = _do(path, act)
    assert outcome.status == "conflict"
    assert outcome.reason
    assert before == after


def test_a_silent_cluster_is_unavailable_and_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailableError, match=r"none\.sock"):
        _do(tmp_path / "none.sock", lambda cluster: cluster.report())


def test_the_adapter_comes_back_when_the_cluster_does(path: Path) -> None:
    async def act(cluster: Any) -> int:
        await cluster.report()
        cluster._streams[1].close()  # as if the peer had gone
        with pytest.raises(ClusterUnavailableError):
            await cluster.report()
        return len((await cluster.report()).workloads)

    assert _do(path, act) >= 8


def test_the_gate_writes_what_the_guards_let_pass(path: Path) -> None:
    async def act(cluster: Cluster) -> WriteOutcome:
        intent = _intent(await cluster.report(), CHANGES[0], "cart")
        return await write_guarded(cluster, intent, lambda *_: None, now_unix_ns=lambda: 1)

    assert _do(path, act).status == "applied"


def test_the_gate_finds_a_write_whose_answer_was_lost_before_it_asks_anyone(path: Path) -> None:
    def refuse(intent: WriteIntent, _: ClusterReport) -> Refused:
        return Refused(issue_id=intent.issue_id, guard="unmoved", reason="it has 4 already")

    async def act(cluster: Cluster) -> tuple[WriteOutcome, WriteOutcome]:
        intent = _intent(await cluster.report(), CHANGES[0], "cart")
        first = await cluster.write(intent)  # and the answer never came
        return first, await write_guarded(cluster, intent, refuse, now_unix_ns=lambda: 1)

    first, again = _do(path, act)
    assert (first.status, again.status) == ("applied", "applied")


def test_the_gate_shows_the_guards_fresh_facts_and_obeys_them(path: Path, world: World) -> None:
    seen: list[ClusterReport] = []

    def refuse(intent: WriteIntent, report: ClusterReport) -> Refused:
        seen.append(report)
        return Refused(issue_id=intent.issue_id, guard="mode", reason="no")

    async def act(cluster: Cluster) -> tuple[WriteOutcome, Any]:
        before = await cluster.report()
        intent = _intent(before, CHANGES[0], "cart")
        return await write_guarded(cluster, intent, refuse, now_unix_ns=lambda: 1), before

    outcome, before = _do(path, act)
    assert (outcome.status, outcome.reason) == ("refused", "mode: no")
    assert seen == [before]
    assert world.truth()["writes"] == []
