"""Who chooses among remedies: only what the guards let pass, shadow first, and the same again."""

from dataclasses import replace
from typing import Any

import pytest

from healing import remedies
from healing.cluster.kube.ledger_content import Content, content_of, memory_of, standing_of
from healing.control.off_policy import Logged, estimate
from healing.control.remedy_bandit import RemedyState
from healing.ledger import Ledger
from healing.plan import fitting_plans
from healing.recheck import recheck
from healing.recover import recover
from healing.remedies import RemedyMemory, learnt, remembered, report_of
from healing.settings import HealingSettings, RemedySettings
from healing.state import HealingState
from healing.step import step
from knowledge.cluster import Revision
from knowledge.codec import from_json, to_json
from knowledge.memory import Memory
from knowledge.orders import Approval, Resume
from knowledge.plans import ApprovedPlan, Verdict
from knowledge.remedies import RemedyMode
from tests.healing.ledger_contract import NOTHING

NOW = 10_000 * 10**9


def _proven(remedy: str, rule: str) -> RemedyMemory:
    """A record in which the rules' remedy never helped and the other always did, drawn by lot."""
    log = tuple(
        Logged(
            context="c",
            remedy=remedy if n % 2 else rule,
            rule=rule,
            propensity=0.5,
            reward=float(n % 2),
            policy=((rule, 0.01), (remedy, 0.99)),
        )
        for n in range(200)
    )
    return RemedyMemory(log=log, proof=estimate(log))


@pytest.fixture
def both(world: Any) -> Any:
    """A bad release of a busy service: it may be rolled back, and it may be given room."""
    start = NOW - 200 * 10**9
    world.workload = replace(
        world.workload,
        revisions=(
            Revision(number=1, version="1.0", created_unix_ns=0),
            Revision(number=2, version="1.1", created_unix_ns=start),
        ),
    )
    world.pod = replace(world.pod, cpu_ratio=1.0, probe="failed")
    world.cause = replace(world.cause, arrival_ratio=2.0)
    row = {
        "namespace": "shop",
        "service": "back",
        "version": "1.1",
        "pod": "back-0",
        "pod_uid": "p-0",
        "span_count": 100,
        "error_count": 0,
        "own_error_count": 0,
        "latency_ms_mean": 900.0,
    }
    world.instances = (row,)
    return world


def _said(world: Any, mode: RemedyMode, **more: float) -> Any:
    world.settings = replace(world.settings, remedies=RemedySettings(mode=mode, **more))
    return world


def _begun(world: Any, memory: RemedyMemory) -> tuple[HealingState, ApprovedPlan]:
    state = HealingState(epoch=3, remedies=memory)
    state, output = step(
        state, world.situation(), (), settings=world.settings, is_planning_due=True
    )
    (approved,) = output.approved
    return state, approved


def test_two_rungs_fit_a_bad_release_of_a_busy_service(both: Any) -> None:
    plans = fitting_plans(both.issue(), both.situation(), both.settings, Ledger())
    assert isinstance(plans, tuple)
    assert [plan.strategy for plan in plans] == ["roll_back_release", "scale"]


def test_in_the_shadow_the_rules_choose_and_the_other_wish_is_journaled(both: Any) -> None:
    state, approved = _begun(both, _proven("scale", "roll_back_release"))
    assert approved.plan.strategy == "roll_back_release"
    choice = approved.choice
    assert choice is not None
    assert (choice.rule, choice.propensity) == ("roll_back_release", 1.0)
    assert {remedy for remedy, _ in choice.policy} == {"roll_back_release", "scale"}
    assert state.remedies.latest[-1][1] == choice


def test_proven_and_told_to_it_chooses_and_the_write_is_let_through(both: Any) -> None:
    _said(both, "bandit")
    memory = _proven("scale", "roll_back_release")
    taught = _taught(both, memory)
    state, approved = _begun(both, taught)
    assert approved.plan.strategy == "scale"
    assert approved.choice is not None
    assert approved.choice.propensity > 0.9
    (execution,) = state.executions
    intent = state.ledger.entry(execution.intent_id)
    assert intent is not None
    assert recheck(state, intent.intent, both.situation(), both.settings) is None


def _taught(world: Any, memory: RemedyMemory) -> RemedyMemory:
    """It has seen in this context that room helps and going back does not."""
    _, approved = _begun(world, memory)
    assert approved.choice is not None
    state = memory.state
    for remedy, has_helped in (("scale", True), ("roll_back_release", False)) * 10:
        choice = replace(approved.choice, remedy=remedy)
        state = remedies.BANDIT.learn(state, choice, has_helped=has_helped)
    return replace(memory, state=replace(state, own=()))


def test_what_a_person_approved_is_done_whatever_the_bandit_would_do(both: Any) -> None:
    _said(both, "bandit")
    taught = _taught(both, _proven("scale", "roll_back_release"))
    both.settings = replace(both.settings, actions={"roll_back_release": "approve"})
    plans = fitting_plans(both.issue(), both.situation(), both.settings, Ledger())
    assert isinstance(plans, tuple)
    given = Approval(digest=plans[0].digest, by="ann", given_unix_ns=NOW)
    state = HealingState(epoch=3, remedies=taught, approvals=(given,))
    _, output = step(state, both.situation(), (), settings=both.settings, is_planning_due=True)
    (approved,) = output.approved
    assert approved.plan.strategy == "roll_back_release"
    assert approved.approval == given


def test_told_to_but_not_proven_the_rules_choose(both: Any) -> None:
    _said(both, "bandit")
    taught = _taught(both, RemedyMemory())
    for late_s in range(20):
        both.now_unix_ns = NOW + late_s * 10**6
        _, approved = _begun(both, taught)
        assert approved.plan.strategy == "roll_back_release"
    told = report_of(taught, both.settings.remedies)
    assert not told.is_promoted
    assert "not proven" in told.reason


def test_on_trial_a_part_is_its_own_with_the_propensity_of_both(both: Any) -> None:
    _said(both, "bandit", trial_ratio=0.5)
    taught, kinds = _taught(both, RemedyMemory()), []
    for late in range(40):
        both.now_unix_ns = NOW + late * 10**6
        _, approved = _begun(both, taught)
        assert approved.choice is not None
        wanted = dict(approved.choice.policy)[approved.plan.strategy]
        by_rule = 0.5 * (approved.plan.strategy == "roll_back_release")
        assert approved.choice.propensity == pytest.approx(0.5 * wanted + by_rule)
        kinds.append(approved.plan.strategy)
    assert 8 < kinds.count("scale") < 32


def test_what_a_guard_refuses_is_not_even_seen(both: Any) -> None:
    _said(both, "bandit")
    taught = _taught(both, _proven("scale", "roll_back_release"))
    both.settings = replace(both.settings, actions={"scale": "suggest"})
    _, approved = _begun(both, taught)
    assert approved.plan.strategy == "roll_back_release"
    assert approved.choice is not None
    assert approved.choice.policy == (("roll_back_release", 1.0),)


def test_where_the_rules_own_plan_is_refused_nothing_is_done(both: Any) -> None:
    _said(both, "bandit")
    both.settings = replace(both.settings, actions={"roll_back_release": "approve"})
    state = HealingState(epoch=3, remedies=_proven("scale", "roll_back_release"))
    _, output = step(state, both.situation(), (), settings=both.settings, is_planning_due=True)
    assert not output.approved
    assert output.refused[0].guard == "approval"


def test_the_rules_alone_leave_no_choice(both: Any) -> None:
    _said(both, "rules")
    _, approved = _begun(both, RemedyMemory())
    assert approved.choice is None


def test_the_same_tick_chooses_alike_and_another_may_not(both: Any) -> None:
    _said(both, "bandit", trial_ratio=0.5)
    taught = _taught(both, RemedyMemory())
    assert _begun(both, taught)[1] == _begun(both, taught)[1]


def _verdict(plan_id: str, outcome: Any, at_s: int) -> Verdict:
    return Verdict(
        plan_id=plan_id,
        issue_id="issue-1",
        outcome=outcome,
        evidence=(),
        decided_unix_ns=NOW + at_s * 10**9,
    )


def test_a_verdict_teaches_and_one_that_is_not_proven_does_not(both: Any) -> None:
    _, approved = _begun(both, RemedyMemory())
    before = RemedyMemory()
    assert learnt(before, approved, _verdict(approved.plan.id, "unproven", 1)) == before
    after = learnt(before, approved, _verdict(approved.plan.id, "worse", 1))
    assert after.state.outcome_count == 1
    assert [item.reward for item in after.log] == [0.0]


def _life(both: Any, count: int) -> tuple[tuple[ApprovedPlan, ...], tuple[Verdict, ...]]:
    """As many choices that were not the rules', of which none helped, after ones that did."""
    _, approved = _begun(both, RemedyMemory())
    assert approved.choice is not None
    plans, verdicts = [], []
    for number in range(2 * count):
        is_rule = number < count
        choice = replace(approved.choice, remedy=approved.choice.rule if is_rule else "scale")
        plan = replace(approved.plan, id=f"plan-{number}")
        plans.append(replace(approved, plan=plan, choice=choice))
        verdicts.append(_verdict(plan.id, "recovered" if is_rule else "unchanged", number))
    return tuple(plans), tuple(verdicts)


def test_a_fall_brings_the_rules_back_until_a_person_says_so_and_a_restart_knows(both: Any) -> None:
    plans, verdicts = _life(both, 20)
    memory = Memory(approved=plans, intents=(), outcomes=(), verdicts=verdicts)
    fallen = remembered(memory)
    assert fallen.state.is_fallen_back
    told = report_of(fallen, RemedySettings(mode="bandit", trial_ratio=1.0))
    assert told.is_fallen_back
    assert "homeostat resume remedies" in told.reason
    _said(both, "bandit", trial_ratio=1.0)
    assert _begun(both, fallen)[1].plan.strategy == "roll_back_release"
    order = Resume(id="remedies", by="ann", given_unix_ns=NOW + 60 * 10**9)
    again = recover(replace(memory, orders=(order,)), epoch=4)
    assert not again.remedies.state.is_fallen_back
    assert recover(memory, epoch=4).remedies == fallen


def test_a_successor_knows_of_the_fall_though_its_proofs_are_gone(both: Any) -> None:
    plans, verdicts = _life(both, 20)
    fell = remembered(Memory(approved=plans, intents=(), outcomes=(), verdicts=verdicts))
    stood = replace(NOTHING, remedies_fell_unix_ns=fell.fell_unix_ns)
    content = Content(standing=standing_of(stood))
    assert not content.standing.is_like(standing_of(NOTHING))  # so that it is written
    body = {"metadata": {"resourceVersion": "7"}, "data": content.data()}
    memory = memory_of(content_of(body))
    taken = recover(memory, epoch=4).remedies
    assert taken.fell_unix_ns == fell.fell_unix_ns
    _said(both, "bandit", trial_ratio=1.0)
    assert _begun(both, taken)[1].plan.strategy == "roll_back_release"
    early = Resume(id="remedies", by="ann", given_unix_ns=fell.fell_unix_ns - 1)
    late = replace(early, given_unix_ns=fell.fell_unix_ns + 1)
    forgets = [
        not recover(replace(memory, orders=(each,)), epoch=4).remedies.state.is_fallen_back
        for each in (early, late)
    ]
    assert forgets == [False, True]


def test_what_is_remembered_is_what_was_known(both: Any) -> None:
    plans, verdicts = _life(both, 5)
    live = RemedyMemory()
    for approved, verdict in zip(plans, verdicts, strict=True):
        live = learnt(remedies.noted(live, approved), approved, verdict)
    memory = Memory(approved=plans, intents=(), outcomes=(), verdicts=verdicts)
    assert remembered(memory) == live


def test_a_choice_is_read_back_from_the_journal_as_it_was(both: Any) -> None:
    _, approved = _begun(both, _proven("scale", "roll_back_release"))
    assert from_json(ApprovedPlan, to_json(approved)) == approved


def test_alone_there_is_nothing_to_choose() -> None:
    settings = HealingSettings()
    assert settings.remedies.mode == "shadow"
    assert report_of(RemedyMemory(state=RemedyState()), settings.remedies).judged_count == 0
