"""A plan's whole way: intent, outcome, verdict, and one undo where it did not help."""

from dataclasses import replace
from typing import Any

import pytest

from healing.recheck import recheck
from healing.recover import recover
from healing.state import HealingState
from healing.step import HealingOutput, step
from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.memory import Memory

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS


def _tick(
    world: Any, state: HealingState, *outcomes: WriteOutcome, plans: bool = True
) -> tuple[HealingState, HealingOutput]:
    return step(state, world.situation(), outcomes, settings=world.settings, is_planning_due=plans)


def _outcome(intent: WriteIntent, status: str = "applied") -> WriteOutcome:
    return WriteOutcome(
        intent_id=intent.id,
        status=status,  # type: ignore[arg-type]  # tests name it as text
        reason="",
        finished_unix_ns=intent.created_unix_ns,
    )


@pytest.fixture
def overloaded(world: Any) -> Any:
    world.cause = replace(world.cause, arrival_ratio=2.4)
    world.pod = replace(world.pod, cpu_ratio=1.0)
    return world


def _begin(world: Any) -> tuple[HealingState, WriteIntent]:
    state, output = _tick(world, HealingState(epoch=3))
    (intent,) = output.intents
    return state, intent


def _applied(world: Any) -> HealingState:
    """The plan is written; the workload has its new size."""
    state, intent = _begin(world)
    world.workload = replace(world.workload, replicas=4, ready_replicas=4, resource_version="8")
    state, _ = _tick(world, state, _outcome(intent))
    return state


def _later(world: Any, seconds: float) -> Any:
    world.now_unix_ns = NOW + int(seconds * SECOND_NS)
    return world


def test_an_intent_carries_its_preconditions_and_its_undo(overloaded: Any) -> None:
    _, intent = _begin(overloaded)
    assert intent.id == "act-10000000-3-1"
    assert intent.resource_version == "7"
    assert intent.undo is not None
    assert not intent.is_undo


def test_nothing_is_planned_twice_for_one_issue(overloaded: Any) -> None:
    state, intent = _begin(overloaded)
    state, output = _tick(overloaded, state)
    assert output.intents == ()
    state, output = _tick(overloaded, state, _outcome(intent))
    assert output.intents == ()


def test_nothing_is_planned_for_what_is_well_again(overloaded: Any) -> None:
    overloaded.issue_changes = {"healthy_since_unix_ns": NOW}
    _, output = _tick(overloaded, HealingState())
    assert (output.intents, output.refused) == ((), ())


def test_nothing_is_planned_while_planning_is_not_due(overloaded: Any) -> None:
    _, output = _tick(overloaded, HealingState(), plans=False)
    assert output == HealingOutput(approved=(), refused=(), intents=(), verdicts=())


def test_recovery_is_seen_only_after_the_rollout_settled_and_held(overloaded: Any) -> None:
    state = _applied(overloaded)
    overloaded.issue_changes = {"healthy_since_unix_ns": NOW + 5 * SECOND_NS}
    overloaded.workload = replace(overloaded.workload, ready_replicas=3)
    state, output = _tick(_later(overloaded, 30), state)
    assert output.verdicts == ()
    overloaded.workload = replace(overloaded.workload, ready_replicas=4)
    state, output = _tick(_later(overloaded, 31), state)
    (verdict,) = output.verdicts
    assert verdict.outcome == "recovered"
    assert state.in_flight == ()
    assert output.intents == ()


@pytest.mark.parametrize(("value", "outcome"), [(2100.0, "unchanged"), (9000.0, "worse")])
def test_what_did_not_help_is_undone_once(
    overloaded: Any, reading: Any, value: float, outcome: str
) -> None:
    state = _applied(overloaded)
    overloaded.pod = replace(overloaded.pod, cpu_ratio=0.2)  # the added room is idle
    overloaded.symptoms = (reading(value),)
    state, output = _tick(_later(overloaded, 179), state)
    assert output.verdicts == ()
    state, output = _tick(_later(overloaded, 181), state)
    assert [verdict.outcome for verdict in output.verdicts] == [outcome]
    (undo,) = output.intents
    assert undo.is_undo
    assert undo.change.kind == "scale"
    assert (undo.change.replicas_before, undo.change.replicas) == (4, 2)
    assert undo.resource_version == "8"
    assert recheck(state, undo, overloaded.situation(), overloaded.settings) is None
    idle = overloaded.pod
    overloaded.pod = replace(idle, cpu_ratio=0.95)  # by the time that it is written, it is not
    refusal = recheck(state, undo, overloaded.situation(), overloaded.settings)
    assert refusal is not None
    assert refusal.guard == "evidence anew"
    overloaded.pod = idle
    overloaded.workload = replace(overloaded.workload, replicas=2, ready_replicas=2)
    state, output = _tick(_later(overloaded, 186), state, _outcome(undo))
    assert state.in_flight == ()
    assert output.intents == ()


def test_without_telemetry_a_plan_is_unproven_and_stays(overloaded: Any) -> None:
    state = _applied(overloaded)
    overloaded.symptoms = ()
    _, output = _tick(_later(overloaded, 181), state)
    assert [verdict.outcome for verdict in output.verdicts] == ["unproven"]
    assert output.intents == ()


@pytest.mark.parametrize("status", ["refused", "conflict", "failed"])
def test_a_write_that_did_not_happen_ends_the_plan(overloaded: Any, status: str) -> None:
    state, intent = _begin(overloaded)
    state, _ = _tick(overloaded, state, _outcome(intent, status), plans=False)
    assert state.in_flight == ()


def test_an_unknown_write_is_tried_again_under_its_own_id_while_fresh(overloaded: Any) -> None:
    state, intent = _begin(overloaded)
    state, output = _tick(overloaded, state, _outcome(intent, "unknown"))
    assert output.intents == (intent,)
    state, output = _tick(_later(overloaded, 61), state)
    assert intent not in output.intents
    assert state.ledger.entries[0].status == "unknown"  # the last try may still be on its way
    state, output = _tick(_later(overloaded, 76), state)
    assert intent not in output.intents
    assert state.ledger.entries[0].status == "refused"
    assert state.ledger.entries[0].reason == "never reached the cluster"


def test_a_write_whose_answer_was_lost_is_found_and_judged(overloaded: Any) -> None:
    state, intent = _begin(overloaded)
    overloaded.workload = replace(
        overloaded.workload, replicas=4, ready_replicas=4, last_action_id=intent.id
    )
    state, output = _tick(overloaded, state, _outcome(intent, "unknown"))
    assert output.intents in {(intent,), ()}
    state, output = _tick(overloaded, state, plans=True)
    assert output.intents == ()
    assert [e.status for e in state.ledger.entries] == ["applied"]
    assert [e.phase for e in state.executions] == ["verifying"]


@pytest.mark.parametrize("status", ["failed", "unknown"])
def test_a_retry_that_could_not_look_leaves_it_unknown(overloaded: Any, status: str) -> None:
    state, intent = _begin(overloaded)
    state, _ = _tick(overloaded, state, _outcome(intent, "unknown"))
    state, _ = _tick(overloaded, state, _outcome(intent, status))
    assert [e.status for e in state.ledger.entries] == ["unknown"]
    assert len(state.in_flight) == 1


def test_room_that_is_still_needed_is_not_taken_away(overloaded: Any, reading: Any) -> None:
    state = _applied(overloaded)  # its pods are as busy as before
    overloaded.symptoms = (reading(2100.0),)
    _, output = _tick(_later(overloaded, 181), state)
    assert [verdict.outcome for verdict in output.verdicts] == ["unchanged"]
    assert output.intents == ()


def test_what_made_it_better_stays(overloaded: Any, reading: Any) -> None:
    state = _applied(overloaded)
    overloaded.pod = replace(overloaded.pod, cpu_ratio=0.2)
    overloaded.symptoms = (reading(1050.0),)
    _, output = _tick(_later(overloaded, 181), state)
    assert [verdict.outcome for verdict in output.verdicts] == ["unproven"]
    assert output.intents == ()


def test_what_has_not_arrived_in_full_is_waited_for_and_not_undone(
    overloaded: Any, reading: Any
) -> None:
    state = _applied(overloaded)
    overloaded.symptoms = (reading(2100.0),)
    overloaded.workload = replace(overloaded.workload, ready_replicas=3, is_rolling=True)
    state, output = _tick(_later(overloaded, 181), state)
    assert output.verdicts == ()
    _, output = _tick(_later(overloaded, 361), state)
    assert [verdict.outcome for verdict in output.verdicts] == ["unproven"]
    assert output.intents == ()


def test_evidence_that_is_gone_at_the_write_stops_it(overloaded: Any) -> None:
    state, intent = _begin(overloaded)
    overloaded.pod = replace(overloaded.pod, cpu_ratio=0.3)
    refusal = recheck(state, intent, overloaded.situation(), overloaded.settings)
    assert refusal is not None
    assert "no overload" in refusal.reason


def test_the_last_look_before_a_write_sees_what_changed_since(overloaded: Any) -> None:
    state, intent = _begin(overloaded)
    assert recheck(state, intent, overloaded.situation(), overloaded.settings) is None
    overloaded.workload = replace(overloaded.workload, is_rolling=True)
    refusal = recheck(state, intent, overloaded.situation(), overloaded.settings)
    assert refusal is not None
    assert refusal.guard == "no foreign rollout"


def test_a_write_that_nobody_asked_for_is_refused(overloaded: Any) -> None:
    _, intent = _begin(overloaded)
    refusal = recheck(HealingState(), intent, overloaded.situation(), overloaded.settings)
    assert refusal is not None
    assert refusal.guard == "provenance"


def test_observe_shows_no_plan_and_suggest_shows_one(overloaded: Any) -> None:
    overloaded.settings = replace(overloaded.settings, namespaces={})
    _, output = _tick(overloaded, HealingState())
    assert [(r.guard, r.plan) for r in output.refused] == [("mode", None)]
    overloaded.settings = replace(overloaded.settings, mode="suggest")
    _, output = _tick(overloaded, HealingState())
    assert output.refused[0].plan is not None
    assert output.intents == ()


def test_a_new_start_remembers_budgets_and_goes_on_judging(overloaded: Any) -> None:
    _, output = _tick(overloaded, HealingState(epoch=3))
    (intent,) = output.intents
    memory = Memory(
        approved=output.approved,
        intents=output.intents,
        outcomes=(_outcome(intent),),
        verdicts=(),
    )
    state = recover(memory, epoch=4)
    assert [execution.phase for execution in state.in_flight] == ["verifying"]
    _, output = _tick(overloaded, state)
    assert output.intents == ()


def test_a_new_start_tries_an_open_intent_again_under_its_own_id(overloaded: Any) -> None:
    _, output = _tick(overloaded, HealingState(epoch=3))
    memory = Memory(approved=output.approved, intents=output.intents, outcomes=(), verdicts=())
    state = recover(memory, epoch=4)
    _, again = _tick(overloaded, state)
    assert again.intents == output.intents


def test_a_new_start_does_not_go_back_to_what_is_done(overloaded: Any) -> None:
    state = _applied(overloaded)
    overloaded.issue_changes = {"healthy_since_unix_ns": NOW + 5 * SECOND_NS}
    _, output = _tick(_later(overloaded, 31), state)
    memory = Memory(
        approved=tuple(e.approved for e in state.executions),
        intents=tuple(e.intent for e in state.ledger.entries),
        outcomes=tuple(_outcome(e.intent) for e in state.ledger.entries),
        verdicts=output.verdicts,
    )
    assert recover(memory, epoch=4).in_flight == ()
