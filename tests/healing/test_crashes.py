"""Killed anywhere, with requests lost, late or doubled: one effect or none, and we know which.

The journal is what survives. The cluster is the twin's; the recovery, the retries and the
gate are the service's own. One seed is one story of up to four deaths; `make crashes`: 10,000.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from healing.cluster.gate import write_guarded
from healing.recover import recover
from healing.state import HealingState
from healing.step import step
from knowledge.cluster import (
    Change,
    ClusterReport,
    ClusterUnavailableError,
    Restart,
    RollBackRelease,
    Scale,
    Workload,
    WriteIntent,
    WriteOutcome,
)
from knowledge.memory import Memory
from knowledge.plans import ApprovedPlan, Refused, Verdict
from tests.healing.conftest import World as Picture
from twin.model import RequestKind, System
from twin.shop import SHOP
from twin.world import World

START = 1_800_000_000 * 10**9
SECOND_NS = 10**9
LATE_S_MAX = 14
"""A network may hold a request longer than our client waits (10 s); LOOK_UP_S is 15."""
UNSURE = frozenset({"open", "unknown"})
TICKS = 40
TICK_S = 5
ALONE = System(
    namespace=SHOP.namespace,
    entry="payment",
    services=(SHOP.service("payment"),),
    kinds=(RequestKind(operation="POST /charges", arrivals_per_s=1.0),),
)
CALM = replace(Picture().situation(), issues=())
SETTINGS = Picture().settings
NOTHING = Memory(approved=(), intents=(), outcomes=(), verdicts=())


class DeathError(Exception):
    """The process is gone, with all that it had not journaled."""


@dataclass
class Story:
    """One seed: the cluster, what the network does, and what was journaled."""

    rng: Random
    cluster: World
    now_unix_ns: int = START
    deaths: int = 4
    late: list[tuple[int, WriteIntent]] = field(default_factory=list)
    memory: Memory = NOTHING

    def may_die(self) -> None:
        if self.deaths and self.rng.random() < 0.3:
            self.deaths -= 1
            raise DeathError

    async def report(self) -> ClusterReport:
        if self.rng.random() < 0.2:
            raise ClusterUnavailableError("the look was lost")
        return replace(self.cluster.report(), observed_unix_ns=self.now_unix_ns)

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        """Send a write over a network that may lose, delay or double it, either way."""
        self.may_die()
        fate = self.rng.choice(["good", "request lost", "reply lost", "late", "doubled"])
        if fate == "request lost":
            raise ClusterUnavailableError(fate)
        if fate == "late":
            at = self.now_unix_ns + self.rng.randrange(1, LATE_S_MAX) * SECOND_NS
            self.late.append((at, intent))
            raise ClusterUnavailableError(fate)
        outcome = self.cluster.write(intent)
        if fate == "doubled":
            self.cluster.write(intent)
        self.may_die()
        if fate == "reply lost":
            raise ClusterUnavailableError(fate)
        return outcome

    def recheck(self, intent: WriteIntent, _: ClusterReport) -> Refused | None:
        """The guards change their mind now and then, also between two tries."""
        if self.rng.random() < 0.7:
            return None
        return Refused(issue_id=intent.issue_id, guard="mode", reason="no")

    def pass_time(self) -> None:
        self.now_unix_ns += TICK_S * SECOND_NS
        for at, intent in tuple(self.late):
            if at <= self.now_unix_ns:
                self.late.remove((at, intent))
                self.cluster.write(intent)

    async def live(self, epoch: int) -> HealingState:
        """One life of the service: recover, then tick until it ends well."""
        state = recover(self.memory, epoch=epoch)
        outcomes: tuple[WriteOutcome, ...] = ()
        for _ in range(TICKS):
            self.pass_time()
            report = replace(self.cluster.report(), observed_unix_ns=self.now_unix_ns)
            situation = replace(CALM, cluster=report, now_unix_ns=self.now_unix_ns)
            state, output = step(
                state, situation, outcomes, settings=SETTINGS, is_planning_due=False
            )
            outcomes = ()
            if not self.late and all(e.status not in UNSURE for e in state.ledger.entries):
                break
            self.may_die()
            for intent in output.intents:
                outcome = await write_guarded(
                    self,
                    intent,
                    self.recheck,
                    now_unix_ns=lambda: self.now_unix_ns,
                    is_retry=state.ledger.is_unknown(intent.id),
                )
                self.may_die()
                self.memory = replace(self.memory, outcomes=(*self.memory.outcomes, outcome))
                outcomes = (*outcomes, outcome)
        return state


def _scale(w: Workload) -> tuple[Change, Change]:
    more = w.replicas + 1
    return (
        Scale(target=w.key, replicas=more, replicas_before=w.replicas),
        Scale(target=w.key, replicas=w.replicas, replicas_before=more),
    )


def _roll_back(w: Workload) -> tuple[Change, Change]:
    older = w.revisions[0].number
    return (
        RollBackRelease(target=w.key, revision=older, revision_before=w.revision),
        RollBackRelease(target=w.key, revision=w.revision, revision_before=older),
    )


def _restart(w: Workload) -> tuple[Change, None]:
    return Restart(target=w.key), None


CHANGES: tuple[Callable[[Workload], tuple[Change, Change | None]], ...] = (
    _scale,
    _roll_back,
    _restart,
)


def _intent(story: Story, change: Change, name: str, *, is_undo: bool) -> WriteIntent:
    found = story.cluster.report().workload(change.target)
    assert found is not None
    return WriteIntent(
        id=name,
        plan_id="plan-1",
        issue_id="issue-1",
        epoch=1,
        change=change,
        resource_version=found.resource_version,
        undo=None,
        is_undo=is_undo,
        created_unix_ns=story.now_unix_ns,
    )


def _begin(story: Story) -> None:
    """Bring the ledger to one of its states: a write that is open, or its undo that is."""
    (workload,) = story.cluster.report().workloads
    change, undo = story.rng.choice(CHANGES)(workload)
    plan = replace(Picture().asked(change=change).plan, undo=undo)
    intent = _intent(story, change, "act-1", is_undo=False)
    approved = ApprovedPlan(plan=plan, guards=())
    story.memory = replace(NOTHING, approved=(approved,), intents=(intent,))
    if undo is None or story.rng.random() < 0.5:
        return
    outcome = story.cluster.write(intent)
    verdict = Verdict(
        plan_id="plan-1",
        issue_id="issue-1",
        outcome="worse",
        evidence=(),
        decided_unix_ns=story.now_unix_ns,
    )
    back = _intent(story, undo, "act-2", is_undo=True)
    story.memory = Memory(
        approved=(approved,), intents=(intent, back), outcomes=(outcome,), verdicts=(verdict,)
    )


def _play(cluster: World, seed: int) -> tuple[Story, HealingState]:
    story = Story(rng=Random(seed), cluster=cluster)
    _begin(story)
    for epoch in range(2, 8):
        try:
            return story, asyncio.run(story.live(epoch))
        except DeathError:
            story.now_unix_ns += story.rng.randrange(1, 20) * SECOND_NS
    raise AssertionError("more lives than deaths")


def test_one_effect_or_none_whatever_happens(request: pytest.FixtureRequest) -> None:
    ends: dict[str, int] = {}
    for seed in range(request.config.getoption("crashes")):
        story, state = _play(World(ALONE, 1, START), seed)
        writes: list[dict[str, Any]] = story.cluster.truth()["writes"]
        for entry in state.ledger.entries:
            effects = sum(write["intent_id"] == entry.intent.id for write in writes)
            known = {"applied": 1}.get(entry.status, 0)
            assert entry.status not in UNSURE, f"seed {seed}: not known in the end"
            assert effects == known, f"seed {seed}: {entry.status}, and {effects} effects"
            ends[entry.status] = ends.get(entry.status, 0) + 1
    assert ends["applied"] > ends.get("refused", 0) > 0, ends
