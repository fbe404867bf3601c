"""The contract of the cluster port: one suite, passed by each adapter against its own cluster."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import pytest

from healing.cluster.gate import TRIES_MAX, write_guarded
from knowledge.cluster import (
    Change,
    Cluster,
    ClusterReport,
    OvertakenError,
    Restart,
    RollBackRelease,
    Scale,
    Workload,
    WriteIntent,
    WriteOutcome,
)
from knowledge.plans import Refused

T = TypeVar("T")
CREATED_UNIX_NS = 1_800_000_000 * 10**9
TARGET = "cart"
"""A Deployment of two or three replicas on the second of its two releases, settled."""


class Port(Protocol):
    """A cluster with a settled `TARGET` in `namespace`, behind an adapter."""

    @property
    def namespace(self) -> str:
        """Where the target is."""
        ...

    def do(self, act: Callable[[Cluster], Awaitable[T]]) -> T:
        """Let `act` use a new adapter."""
        ...


def target_of(report: ClusterReport, port: Port) -> Workload:
    """The workload that is acted on."""
    return next(
        w for w in report.workloads if (w.key.namespace, w.key.name) == (port.namespace, TARGET)
    )


def intent_of(workload: Workload, change: Change, *, name: str = "act-1") -> WriteIntent:
    """An intent as the service would make it now."""
    return WriteIntent(
        id=name,
        plan_id="plan",
        issue_id="issue",
        epoch=1,
        change=change,
        resource_version=workload.resource_version,
        undo=None,
        is_undo=False,
        created_unix_ns=CREATED_UNIX_NS,
    )


async def put(cluster: Cluster, intent: WriteIntent) -> WriteOutcome:
    """Write; a cluster's own controllers may be in the way for a moment, as the gate knows."""
    for _ in range(TRIES_MAX):
        with contextlib.suppress(OvertakenError):
            return await cluster.write(intent)
    raise AssertionError(f"overtaken {TRIES_MAX} times in a row")


def scale(workload: Workload) -> Change:
    return Scale(
        target=workload.key, replicas=workload.replicas + 1, replicas_before=workload.replicas
    )


def restart(workload: Workload) -> Change:
    return Restart(target=workload.key)


def roll_back(workload: Workload) -> Change:
    first = workload.revisions[0].number
    return RollBackRelease(target=workload.key, revision=first, revision_before=workload.revision)


CHANGES: list[Callable[[Workload], Change]] = [scale, restart, roll_back]


class ClusterContract:
    """A subclass in a test module supplies the fixture `port`."""

    def test_a_report_names_workloads_with_their_pods_and_releases(self, port: Port) -> None:
        report = port.do(lambda cluster: cluster.report())
        workload = target_of(report, port)
        assert workload.key.uid
        assert workload.resource_version
        assert workload.replicas == workload.ready_replicas == len(report.pods_of(workload.key))
        assert {pod.revision for pod in report.pods_of(workload.key)} == {workload.revision}
        assert workload.current_revision() is not None
        assert len(workload.revisions) == 2
        assert workload.previous_revision(condemned=frozenset()) == workload.revisions[0]

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_write_is_applied_once_however_often_it_is_tried(
        self, port: Port, change: Callable[[Workload], Change]
    ) -> None:
        async def act(cluster: Cluster) -> tuple[WriteOutcome, Workload, WriteOutcome, Workload]:
            before = target_of(await cluster.report(), port)
            intent = intent_of(before, change(before))
            first = await put(cluster, intent)
            between = target_of(await cluster.report(), port)
            again = await put(cluster, intent)
            return first, between, again, target_of(await cluster.report(), port)

        first, between, again, after = port.do(act)
        assert (first.status, again.status) == ("applied", "applied"), (first, again)
        assert between.last_action_id == "act-1"
        assert _wanted(between) == _wanted(after)

    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize("stale", ["uid", "resource_version"])
    def test_a_stale_write_changes_nothing(
        self, port: Port, change: Callable[[Workload], Change], stale: str
    ) -> None:
        async def act(cluster: Cluster) -> tuple[WriteOutcome, Workload, Workload]:
            before = target_of(await cluster.report(), port)
            intent = intent_of(before, change(before))
            if stale == "uid":
                target = replace(intent.change.target, uid="another")
                intent = replace(intent, change=replace(intent.change, target=target))
            else:
                intent = replace(intent, resource_version="1")
            outcome = await put(cluster, intent)
            return outcome, before, target_of(await cluster.report(), port)

        outcome, before, after = port.do(act)
        assert outcome.status == "conflict"
        assert outcome.reason
        assert _wanted(before) == _wanted(after)

    def test_a_write_from_another_value_changes_nothing(self, port: Port) -> None:
        async def act(cluster: Cluster) -> list[WriteOutcome]:
            before = target_of(await cluster.report(), port)
            wrong: list[Change] = [
                Scale(target=before.key, replicas=5, replicas_before=before.replicas + 2),
                RollBackRelease(
                    target=before.key,
                    revision=before.revision,
                    revision_before=before.revisions[0].number,
                ),
            ]
            outcomes = [await put(cluster, intent_of(before, change)) for change in wrong]
            assert _wanted(before) == _wanted(target_of(await cluster.report(), port))
            return outcomes

        assert [outcome.status for outcome in port.do(act)] == ["conflict", "conflict"]

    def test_what_is_not_there_is_not_written(self, port: Port) -> None:
        async def act(cluster: Cluster) -> list[WriteOutcome]:
            before = target_of(await cluster.report(), port)
            gone = replace(before.key, name="no-such-workload")
            wrong: list[Change] = [
                Scale(target=gone, replicas=3, replicas_before=2),
                RollBackRelease(target=before.key, revision=7, revision_before=before.revision),
            ]
            return [await put(cluster, intent_of(before, change)) for change in wrong]

        outcomes = port.do(act)
        assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
        assert "no-such-workload not found" in outcomes[0].reason
        assert outcomes[1].reason == "no revision 7 in the history"

    @pytest.mark.parametrize("change", [scale, roll_back])
    def test_an_undo_restores_what_was_touched(
        self, port: Port, change: Callable[[Workload], Change]
    ) -> None:
        async def act(cluster: Cluster) -> tuple[Workload, Workload, Workload]:
            before = target_of(await cluster.report(), port)
            done = change(before)
            await put(cluster, intent_of(before, done))
            between = target_of(await cluster.report(), port)
            back = intent_of(between, reversed_of(done), name="act-2")
            outcome = await put(cluster, replace(back, is_undo=True))
            assert outcome.status == "applied", outcome
            return before, between, target_of(await cluster.report(), port)

        before, between, after = port.do(act)
        assert (before.replicas, before.revision) == (after.replicas, after.revision)
        assert (before.replicas, before.revision) != (between.replicas, between.revision)

    def test_the_gate_writes_what_the_guards_let_pass(self, port: Port) -> None:
        async def act(cluster: Cluster) -> WriteOutcome:
            before = target_of(await cluster.report(), port)
            intent = intent_of(before, scale(before))
            return await write_guarded(cluster, intent, lambda *_: None, now_unix_ns=lambda: 1)

        assert port.do(act).status == "applied"

    def test_the_gate_finds_a_write_whose_answer_was_lost_before_it_asks_anyone(
        self, port: Port
    ) -> None:
        def refuse(intent: WriteIntent, _: ClusterReport) -> Refused:
            return Refused(issue_id=intent.issue_id, guard="unmoved", reason="it has 4 already")

        async def act(cluster: Cluster) -> tuple[WriteOutcome, WriteOutcome]:
            before = target_of(await cluster.report(), port)
            intent = intent_of(before, scale(before))
            first = await put(cluster, intent)  # and the answer never came
            return first, await write_guarded(cluster, intent, refuse, now_unix_ns=lambda: 1)

        first, again = port.do(act)
        assert (first.status, again.status) == ("applied", "applied")

    def test_the_gate_shows_the_guards_fresh_facts_and_obeys_them(self, port: Port) -> None:
        seen: list[Workload] = []

        def refuse(intent: WriteIntent, report: ClusterReport) -> Refused:
            seen.append(target_of(report, port))
            return Refused(issue_id=intent.issue_id, guard="mode", reason="no")

        async def act(cluster: Cluster) -> tuple[WriteOutcome, Workload, Workload]:
            before = target_of(await cluster.report(), port)
            intent = intent_of(before, scale(before))
            outcome = await write_guarded(cluster, intent, refuse, now_unix_ns=lambda: 1)
            return outcome, before, target_of(await cluster.report(), port)

        outcome, before, after = port.do(act)
        assert (outcome.status, outcome.reason) == ("refused", "mode: no")
        assert [_wanted(workload) for workload in seen] == [_wanted(before)]
        assert _wanted(before) == _wanted(after)


def _wanted(workload: Workload) -> tuple[Any, ...]:
    """What somebody may have changed; not how far the cluster has followed."""
    return (
        workload.key,
        workload.resource_version,
        workload.replicas,
        workload.revision,
        workload.last_action_id,
    )


def reversed_of(change: Change) -> Change:
    """The change that takes another one back."""
    match change:
        case Scale():
            return replace(change, replicas=change.replicas_before, replicas_before=change.replicas)
        case RollBackRelease():
            return replace(change, revision=change.revision_before, revision_before=change.revision)
        case _:
            return change
