"""A boost whose end was missed: put back once, then it stays, and a person is told."""

from dataclasses import replace
from typing import Any

import pytest

from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from healing.step import step
from knowledge.cluster import Scale, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.orders import Resume
from tests.healing.conftest import NOW, SECOND_NS, boost, calm

TARGET = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="w-back")


def _step(world: Any, state: HealingState, situation: Situation, *done: WriteOutcome) -> Any:
    return step(state, situation, done, settings=world.settings, is_planning_due=True)


def _applied(intent: Any, at: int) -> WriteOutcome:
    return WriteOutcome(intent_id=intent.id, status="applied", reason="", finished_unix_ns=at)


@pytest.fixture
def ended(boosted: Any) -> tuple[Any, HealingState, Situation]:
    """The boost was ended, and the trouble came back within the minute."""
    state, output = _step(boosted, HealingState(epoch=2), calm(boosted))
    done = _applied(output.intents[0], NOW)
    boosted.workload = replace(boosted.workload, replicas=2, ready_replicas=2, boost=None)
    boosted.now_unix_ns = NOW + 20 * SECOND_NS
    issue = replace(boosted.issue(), state="pending", opened_unix_ns=NOW + SECOND_NS)
    sick = replace(boosted.situation(), issues=(issue,))
    state, output = _step(boosted, state, sick, done)
    return boosted, state, replace(sick, issues=())


def _later(world: Any, state: HealingState, seconds: float) -> tuple[HealingState, Any]:
    """The boost was put back, its new time is over, and all is well."""
    again = next(e.intent for e in state.ledger.entries if e.adds_room)
    put_back = replace(boost(left_s=seconds - 60.0), action_id=again.id)
    world.workload = replace(world.workload, replicas=4, ready_replicas=4, boost=put_back)
    world.now_unix_ns = NOW + 30 * SECOND_NS
    state, _ = _step(world, state, calm(world), _applied(again, world.now_unix_ns))
    world.now_unix_ns = NOW + int(seconds * SECOND_NS)
    later: tuple[HealingState, Any] = _step(world, state, calm(world))
    return later


def test_a_boost_whose_end_was_missed_stays_and_a_person_is_told(ended: Any) -> None:
    world, state, _ = ended
    state, output = _later(world, state, 3600.0)
    assert output.intents == ()
    (refused,) = output.refused
    assert refused.guard == "not missed"
    (escalation,) = state.escalations
    assert escalation.issue_id == refused.issue_id
    assert "for good" in escalation.look_at
    state, output = _step(world, state, calm(world))
    assert output.intents == ()
    assert state.escalations == (escalation,)


def test_a_person_may_let_it_be_ended_once_more(ended: Any) -> None:
    world, state, _ = ended
    state, _ = _later(world, state, 3600.0)
    order = Resume(id=state.escalations[0].issue_id, by="ann", given_unix_ns=world.now_unix_ns)
    state, output = step(
        state, calm(world), (), (order,), settings=world.settings, is_planning_due=True
    )
    assert [intent.is_undo for intent in output.intents] == [True]
    assert state.escalations == ()


def test_after_a_day_the_end_is_tried_again(ended: Any) -> None:
    world, state, _ = ended
    _, output = _later(world, state, 86_500.0)
    assert [intent.is_undo for intent in output.intents] == [True]


def test_room_that_the_ladder_added_again_soon_after_an_end_is_not_ended_either(
    boosted: Any,
) -> None:
    """The verdict on the end was good, and the trouble came back some minutes later."""
    state, output = _step(boosted, HealingState(epoch=2), calm(boosted))
    ledger = state.ledger.with_outcome(_applied(output.intents[0], NOW))
    raise_again = replace(
        output.intents[0],
        id="act-9",
        plan_id="plan-9",
        change=Scale(target=TARGET, replicas=4, replicas_before=2),
        is_undo=False,
        created_unix_ns=NOW + 1200 * SECOND_NS,
    )
    boosted.now_unix_ns = NOW + 4000 * SECOND_NS
    held = replace(boost(left_s=3900.0), action_id="act-9")
    boosted.workload = replace(boosted.workload, boost=held)
    for minutes, is_missed in ((20, True), (40, False)):
        at = NOW + minutes * 60 * SECOND_NS
        raised = ledger.with_intent(replace(raise_again, created_unix_ns=at))
        state = HealingState(epoch=2, ledger=raised.with_outcome(_applied(raise_again, at)))
        _, output = _step(boosted, state, calm(boosted))
        assert (output.intents == ()) is is_missed


def test_where_a_person_is_asked_room_is_not_put_back_without_one(boosted: Any) -> None:
    boosted.settings = HealingSettings(namespaces={"shop": "approve"})
    state, output = _step(boosted, HealingState(epoch=2), calm(boosted))
    done = _applied(output.intents[0], NOW)
    boosted.workload = replace(boosted.workload, replicas=2, ready_replicas=2, boost=None)
    boosted.pods = tuple(replace(pod, cpu_ratio=0.95) for pod in boosted.pods[:2])
    boosted.cause = replace(boosted.cause, arrival_ratio=2.0)
    boosted.now_unix_ns = NOW + 20 * SECOND_NS
    sick = replace(
        boosted.situation(), issues=(replace(boosted.issue(), opened_unix_ns=NOW + SECOND_NS),)
    )
    state, output = _step(boosted, state, sick, done)
    assert [verdict.outcome for verdict in output.verdicts] == ["worse"]
    assert output.intents == ()
    (refused,) = output.refused  # the ladder's plan, which a person may approve
    assert refused.guard == "approval"
    assert refused.plan is not None
    assert refused.plan.change.kind == "scale"


def test_ends_of_boosts_keep_the_cool_down(boosted: Any) -> None:
    state = HealingState(epoch=2)
    end = _step(boosted, state, calm(boosted))[1].intents[0]
    added = replace(
        end,
        id="act-1",
        change=Scale(target=TARGET, replicas=4, replicas_before=2),
        is_undo=False,
        created_unix_ns=NOW - 400 * SECOND_NS,
    )
    ledger = state.ledger.with_intent(added).with_outcome(_applied(added, NOW))
    _, output = _step(boosted, replace(state, ledger=ledger), calm(boosted))
    assert [refused.guard for refused in output.refused] == ["target cooldown"]
