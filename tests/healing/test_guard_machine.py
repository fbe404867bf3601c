"""Whatever is asked for, in whatever order: no stop figure is overrun, and no word of a person."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from healing.guards import check
from healing.ledger import Ledger
from knowledge.cluster import Change, Restart, RollBackRelease, Scale, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.orders import Pause
from knowledge.plans import ApprovedPlan, Outcome, Verdict
from tests.healing.conftest import World

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS
TARGETS = tuple(
    WorkloadKey(namespace=namespace, kind="Deployment", name=name, uid=f"w-{name}")
    for namespace, name in (("shop", "a"), ("shop", "b"), ("shop", "c"), ("bank", "d"))
)
KINDS = ("scale", "restart", "roll_back_release")


def _change(kind: str, target: WorkloadKey) -> Change:
    match kind:
        case "scale":
            return Scale(target=target, replicas=4, replicas_before=2)
        case "restart":
            return Restart(target=target)
        case _:
            return RollBackRelease(target=target, revision=1, revision_before=2)


class Guards(RuleBasedStateMachine):
    """Somebody who wants to act all the time, and a count of what was let through."""

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.ledger = Ledger()
        self.pause: Pause | None = None
        self.stopped: str | None = None
        self.done: list[tuple[int, WorkloadKey, str]] = []
        self.undone: list[tuple[int, WorkloadKey]] = []
        self.verdicts: list[tuple[WorkloadKey, Outcome]] = []

    @rule(seconds=st.sampled_from((5, 60, 200, 601, 1_900, 3_700)))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND_NS

    @rule(key=st.sampled_from((None, *TARGETS)), seconds=st.integers(1, 2_000))
    def somebody_pauses(self, key: WorkloadKey | None, seconds: int) -> None:
        self.pause = Pause(
            id="pause",
            namespace=key.namespace if key else "",
            workload=key.name if key else "",
            reason="hands off",
            by="ada",
            given_unix_ns=self.now,
            expires_unix_ns=self.now + seconds * SECOND_NS,
        )

    @rule(stopped=st.booleans())
    def somebody_pulls_the_stop_or_lets_go(self, stopped: bool) -> None:  # noqa: FBT001 - drawn
        self.stopped = "stop" if stopped else None

    @rule(
        key=st.sampled_from(TARGETS),
        kind=st.sampled_from(KINDS),
        status=st.sampled_from(("applied", "unknown", "failed")),
        verdict=st.sampled_from(("recovered", "unchanged", "worse", "unproven")),
    )
    def it_wants_to_act(self, key: WorkloadKey, kind: str, status: Any, verdict: Any) -> None:
        change = _change(kind, key)
        if not isinstance(self._answer(change), ApprovedPlan):
            return
        assert self.stopped is None
        assert self.pause is None or not self.pause.covers(
            key.namespace, key.name, now_unix_ns=self.now
        )
        intent = self._written(change, status, is_undo=False)
        if status != "failed":
            self.done.append((self.now, key, kind))
        if status == "applied":
            self.verdicts.append((key, verdict))
            self.ledger = self.ledger.with_verdict(
                Verdict(
                    plan_id=intent.plan_id,
                    issue_id=intent.issue_id,
                    outcome=verdict,
                    evidence=(),
                    decided_unix_ns=self.now,
                )
            )
            if verdict == "worse" and kind == "scale":
                self._written(Scale(target=key, replicas=2, replicas_before=4), "applied")
                self.undone.append((self.now, key))

    def _answer(self, change: Change) -> Any:
        world = World(now_unix_ns=self.now)
        world.settings = replace(world.settings, mode="auto", namespaces={}, quarantine_s=0.0)
        world.workload = replace(world.workload, key=change.target)
        world.cause = replace(world.cause, workload=change.target)
        world.issue_changes = {"id": "issue-1"}
        asked = world.asked(change=change, ledger=self.ledger)
        plan = replace(asked.plan, expires_unix_ns=self.now + SECOND_NS)
        situation = replace(asked.situation, stopped=self.stopped)
        pauses = () if self.pause is None else (self.pause,)
        return check(replace(asked, plan=plan, situation=situation, pauses=pauses))

    def _written(self, change: Change, status: Any, *, is_undo: bool = True) -> WriteIntent:
        count = len(self.ledger.entries)
        intent = WriteIntent(
            id=f"i{count}",
            plan_id=f"p{count}",
            issue_id=f"issue-of-{count}",
            epoch=1,
            change=change,
            resource_version="1",
            undo=None,
            is_undo=is_undo,
            created_unix_ns=self.now,
        )
        outcome = WriteOutcome(
            intent_id=intent.id, status=status, reason="", finished_unix_ns=self.now
        )
        self.ledger = self.ledger.with_intent(intent).with_outcome(outcome)
        return intent

    def _within(self, seconds: float) -> list[tuple[int, WorkloadKey, str]]:
        return [d for d in self.done if d[0] > self.now - seconds * SECOND_NS]

    @invariant()
    def no_budget_is_overrun(self) -> None:
        for target in TARGETS:
            assert sum(d[1] == target for d in self._within(600)) <= 1
            assert sum(d[1] == target and d[2] != "scale" for d in self._within(1_800)) <= 3
        assert sum(d[1].namespace == "shop" for d in self._within(600)) <= 3
        assert len(self._within(3_600)) <= 10
        assert len({d[1] for d in self._within(3_600)}) <= 2

    @invariant()
    def nothing_swings(self) -> None:
        for target in TARGETS:
            recent = [t for t, name in self.undone if name == target]
            assert sum(t > self.now - 1_800 * SECOND_NS for t in recent) <= 2


Guards.TestCase.settings = hypothesis_settings(
    max_examples=25, stateful_step_count=40, deadline=None
)
test_stop_figures_hold_whatever_is_asked_for = Guards.TestCase


@pytest.mark.parametrize("kind", KINDS)
def test_the_machine_is_let_through_where_nothing_speaks_against_it(kind: str) -> None:
    machine = Guards()
    machine.begin()
    assert isinstance(machine._answer(_change(kind, TARGETS[0])), ApprovedPlan)
