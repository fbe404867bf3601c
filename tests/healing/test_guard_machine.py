"""Whatever is asked for, in whatever order: no stop figure is overrun, and no word of a person."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from healing.guards import check
from healing.ledger import Ledger
from healing.settings import HealingSettings
from knowledge.cluster import Change, Restart, RollBackRelease, Scale, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.orders import Pause
from knowledge.plans import ApprovedPlan, Outcome, Verdict
from tests.healing.conftest import World

SECOND_NS = 10**9
HOUR_NS = 3_600 * SECOND_NS
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

    @initialize(
        cooldown_s=st.sampled_from((600.0, 0.0)),
        blast=st.sampled_from((2, 10)),
        breaker=st.sampled_from((2, 50)),
    )
    def begin(self, cooldown_s: float = 600.0, blast: int = 2, breaker: int = 2) -> None:
        """Each guard must hold alone, so some of the others are sometimes wide open."""
        self.now = NOW
        self.settings = HealingSettings(
            mode="auto",
            quarantine_s=0.0,
            target_cooldown_s=cooldown_s,
            blast_count_min=blast,
            breaker_count=breaker,
            failed_tries_max=1_000,
        )
        self.ledger = Ledger()
        self.pause: Pause | None = None
        self.stopped: str | None = None
        self.done: list[tuple[int, WorkloadKey, str]] = []
        self.undone: list[tuple[int, WorkloadKey]] = []
        self.verdicts: list[tuple[int, WorkloadKey, Outcome | None]] = []

    @rule(seconds=st.sampled_from((5, 60, 200, 601, 1_900)))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND_NS

    @rule(key=st.sampled_from((None, *TARGETS)), seconds=st.integers(1, 300))
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

    @rule(stopped=st.sampled_from((False, False, True)))
    def somebody_pulls_the_stop_or_lets_go(self, stopped: bool) -> None:  # noqa: FBT001 - drawn
        self.stopped = "stop" if stopped else None

    @rule(
        acts=st.lists(
            st.tuples(
                st.sampled_from(TARGETS),
                st.sampled_from(KINDS),
                st.sampled_from(("applied", "applied", "unknown", "failed")),
                st.sampled_from(("worse", "recovered", "unchanged", "unproven")),
            ),
            min_size=1,
            max_size=10,
        )
    )
    def it_wants_to_act_all_the_time(self, acts: list[tuple[WorkloadKey, str, Any, Any]]) -> None:
        for act in acts:
            self._wants_to_act(*act)
            self.no_budget_is_overrun()
            self.now += 20 * SECOND_NS

    def _wants_to_act(self, key: WorkloadKey, kind: str, status: Any, verdict: Any) -> None:
        change = _change(kind, key)
        if not isinstance(self._answer(change), ApprovedPlan):
            return
        assert self.stopped is None
        assert self.pause is None or not self.pause.covers(
            key.namespace, key.name, now_unix_ns=self.now
        )
        self._asserted_apart(key)
        intent = self._written(change, status, is_undo=False)
        if status == "failed":
            return
        self.done.append((self.now, key, kind))
        self.verdicts.append((self.now, key, verdict if status == "applied" else None))
        if status == "applied":
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

    def _asserted_apart(self, key: WorkloadKey) -> None:
        """What must not have been let through, however free of budget it is."""
        limit = self.settings.breaker_count
        hour = [v for t, name, v in self.verdicts if name == key and t > self.now - HOUR_NS]
        last = hour[-limit:]
        assert len(last) < limit or not set(last) <= {"unchanged", "worse"}
        half_hour = [t for t, name in self.undone if name == key and t > self.now - HOUR_NS // 2]
        assert len(half_hour) < self.settings.oscillation_count

    def _answer(self, change: Change) -> Any:
        world = World(now_unix_ns=self.now)
        world.settings = self.settings
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
            if self.settings.target_cooldown_s:
                assert sum(d[1] == target for d in self._within(600)) <= 1
            assert sum(d[1] == target and d[2] != "scale" for d in self._within(1_800)) <= 3
        assert sum(d[1].namespace == "shop" for d in self._within(600)) <= 3
        assert len(self._within(3_600)) <= 10
        assert len({d[1] for d in self._within(3_600)}) <= self.settings.blast_count_min


Guards.TestCase.settings = hypothesis_settings(max_examples=15, stateful_step_count=20)
test_stop_figures_hold_whatever_is_asked_for = Guards.TestCase


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("open_ones", [(600.0, 2, 2), (0.0, 10, 2), (0.0, 10, 50)])
def test_stop_figures_hold_against_somebody_who_never_stops(
    seed: int, open_ones: tuple[float, int, int]
) -> None:
    rng = Random(seed)
    machine = Guards()
    machine.begin(*open_ones)
    for _ in range(120):
        target, kind = rng.choice(TARGETS[rng.randrange(4) :]), rng.choice(KINDS)
        verdict = rng.choice(("worse", "unchanged", "recovered"))
        machine._wants_to_act(target, kind, "applied", verdict)
        machine.no_budget_is_overrun()
        machine.now += rng.choice((20, 60, 300, 700)) * SECOND_NS
    assert len(machine.done) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_machine_is_let_through_where_nothing_speaks_against_it(kind: str) -> None:
    machine = Guards()
    machine.begin()
    assert isinstance(machine._answer(_change(kind, TARGETS[0])), ApprovedPlan)
