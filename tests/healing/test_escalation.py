"""When it does not help: the next rung, another try of the way back, and then a person."""

from dataclasses import replace
from typing import Any

import pytest

from healing.ledger import Ledger
from healing.recover import recover
from healing.state import HealingState
from healing.step import HealingOutput, step
from knowledge.cluster import Restart, RollBackRelease, Scale, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.memory import Memory
from knowledge.orders import Resume
from knowledge.plans import Verdict

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS
TARGET = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="w-back")


def _tick(
    world: Any, state: HealingState, *outcomes: WriteOutcome, orders: tuple[Resume, ...] = ()
) -> tuple[HealingState, HealingOutput]:
    return step(
        state, world.situation(), outcomes, orders, settings=world.settings, is_planning_due=True
    )


def _outcome(intent: WriteIntent, world: Any, status: str = "applied") -> WriteOutcome:
    return WriteOutcome(
        intent_id=intent.id,
        status=status,  # type: ignore[arg-type]  # tests name it as text
        reason="as told",
        finished_unix_ns=world.now_unix_ns,
    )


def _at(world: Any, seconds: float) -> Any:
    world.now_unix_ns = NOW + int(seconds * SECOND_NS)
    return world


@pytest.fixture
def missed(world: Any, reading: Any) -> tuple[Any, HealingState, HealingOutput]:
    """A scale-up that was applied and did not help; its way back was just asked for."""
    world.cause = replace(world.cause, arrival_ratio=2.4)
    world.pod = replace(world.pod, cpu_ratio=1.0)
    state, output = _tick(world, HealingState(epoch=3))
    (intent,) = output.intents
    world.workload = replace(world.workload, replicas=4, ready_replicas=4, resource_version="8")
    state, _ = _tick(world, state, _outcome(intent, world))
    world.pod = replace(world.pod, cpu_ratio=0.2)
    world.symptoms = (reading(2100.0),)
    state, output = _tick(_at(world, 181), state)
    assert [intent.is_undo for intent in output.intents] == [True]
    return world, state, output


def test_an_undo_that_failed_is_tried_again_later(missed: Any) -> None:
    world, state, output = missed
    (first,) = output.intents
    state, output = _tick(_at(world, 186), state, _outcome(first, world, "failed"))
    assert output.intents == ()
    world.workload = replace(world.workload, resource_version="9")
    state, output = _tick(_at(world, 250), state)
    (second,) = output.intents
    assert (second.is_undo, second.change, second.resource_version) == (True, first.change, "9")
    assert second.id != first.id
    state, output = _tick(_at(world, 255), state, _outcome(second, world))
    assert state.in_flight == ()


def test_an_undo_that_comes_to_nothing_is_handed_to_a_person(missed: Any) -> None:
    world, state, output = missed
    seconds, tried = 181.0, []
    while output.intents:
        tried += output.intents
        state, output = _tick(
            _at(world, seconds + 5), state, _outcome(output.intents[0], world, "conflict")
        )
        seconds += 300
        state, output = _tick(_at(world, seconds), state)
    assert len(tried) == 3
    assert state.in_flight == ()
    (escalation,) = state.escalations
    assert escalation.stops
    assert "could not be put back: as told" in escalation.reason


def test_what_a_third_party_set_since_is_not_put_back(missed: Any) -> None:
    world, state, output = missed
    state, _ = _tick(_at(world, 186), state, _outcome(output.intents[0], world, "conflict"))
    world.workload = replace(world.workload, replicas=5, ready_replicas=5)
    state, output = _tick(_at(world, 400), state)
    assert output.intents == ()
    assert state.in_flight == ()
    assert not any(escalation.stops for escalation in state.escalations)


def test_a_plan_that_outlived_us_is_judged_and_undone(missed: Any) -> None:
    world, state, _ = missed
    (execution,) = state.in_flight
    first = next(e.intent for e in state.ledger.entries if not e.intent.is_undo)
    memory = Memory(
        approved=(execution.approved,),
        intents=(first,),
        outcomes=(_outcome(first, _at(world, 0)),),
        verdicts=(),
    )
    state, output = _tick(_at(world, 181), recover(memory, epoch=4))
    assert [verdict.outcome for verdict in output.verdicts] == ["unchanged"]
    assert [intent.is_undo for intent in output.intents] == [True]


def _history(*past: tuple[Any, str, float], issue: str = "issue-1") -> Ledger:
    """Applied changes: (change, verdict, seconds ago); an empty verdict is an undo."""
    ledger = Ledger()
    for index, (change, verdict, ago_s) in enumerate(past):
        intent = WriteIntent(
            id=f"i{index}",
            plan_id=f"p{index}",
            issue_id=issue,
            epoch=1,
            change=change,
            resource_version="1",
            undo=None,
            is_undo=not verdict,
            created_unix_ns=NOW - int(ago_s * SECOND_NS),
        )
        outcome = WriteOutcome(
            intent_id=intent.id, status="applied", reason="", finished_unix_ns=NOW
        )
        ledger = ledger.with_intent(intent).with_outcome(outcome)
        if verdict:
            ledger = ledger.with_verdict(
                Verdict(
                    plan_id=intent.plan_id,
                    issue_id=issue,
                    outcome=verdict,  # type: ignore[arg-type]  # tests name it as text
                    evidence=(),
                    decided_unix_ns=NOW,
                )
            )
    return ledger


def _up(before: int, after: int) -> Scale:
    return Scale(target=TARGET, replicas=after, replicas_before=before)


def test_what_did_not_help_is_not_tried_again_and_a_person_is_asked(world: Any) -> None:
    world.cause = replace(world.cause, kind="failing")
    world.pod = replace(world.pod, probe="failed")
    restarted = (Restart(target=TARGET), "unchanged", 700.0)
    state, output = _tick(world, HealingState(ledger=_history(restarted)))
    (refusal,) = output.refused
    assert refusal.guard == "ladder"
    assert "restart: was tried and did not help" in refusal.reason
    (escalation,) = state.escalations
    assert escalation.stops
    resume = Resume(id="issue-1", by="ada", given_unix_ns=NOW)
    state, output = _tick(world, state, orders=(resume,))
    assert [intent.change.kind for intent in output.intents] == ["restart"]
    assert state.escalations == ()


def test_an_issue_over_is_nobodys_to_look_at(world: Any) -> None:
    world.cause = replace(world.cause, kind="failing")
    world.pod = replace(world.pod, probe="failed")
    restarted = (Restart(target=TARGET), "unchanged", 700.0)
    state, _ = _tick(world, HealingState(ledger=_history(restarted)))
    world.issue_changes = {"state": "resolved"}
    state, _ = _tick(world, state)
    assert state.escalations == ()


def test_an_issue_that_nothing_fits_is_shown_to_a_person_and_tried_on(world: Any) -> None:
    state, output = _tick(world, HealingState())
    assert [refusal.guard for refusal in output.refused] == ["strategy"]
    assert state.escalations == ()
    state, _ = _tick(_at(world, 300), state)
    (escalation,) = state.escalations
    assert not escalation.stops
    world.pod = replace(world.pod, probe="failed")
    world.cause = replace(world.cause, kind="failing")
    state, output = _tick(_at(world, 305), state)
    assert [intent.change.kind for intent in output.intents] == ["restart"]


@pytest.mark.parametrize(
    ("guard", "past"),
    [
        ("stop rule", [(Restart(target=TARGET), "unproven", ago) for ago in (3500, 3000, 2400)]),
        ("oscillation", [(_up(2, 4), "unchanged", 1700), (_up(4, 2), "", 1500)] * 2),
        (
            "target disruption",
            [(Restart(target=TARGET), "recovered", a) for a in (1790, 1200, 601)],
        ),
    ],
)
def test_a_word_that_is_final_stops_the_treatment(world: Any, guard: str, past: Any) -> None:
    world.cause = replace(world.cause, kind="failing")
    world.pod = replace(world.pod, probe="failed")
    issue = "issue-1" if guard == "stop rule" else "another"
    state, output = _tick(world, HealingState(ledger=_history(*past, issue=issue)))
    assert [refusal.guard for refusal in output.refused] == [guard]
    assert [escalation.stops for escalation in state.escalations] == [True]
    state, output = _tick(_at(world, 4000), state)
    assert [refusal.guard for refusal in output.refused] == ["not escalated"]


def test_a_boost_that_ends_in_time_is_no_reversal() -> None:
    ledger = _history((_up(2, 4), "recovered", 900), (_up(4, 2), "", 100))
    assert ledger.reversals(TARGET, since_unix_ns=0) == 1
    ended = replace(ledger.entries[1], intent=replace(ledger.entries[1].intent, undo=_up(2, 4)))
    ledger = replace(ledger, entries=(ledger.entries[0], ended))
    assert ledger.reversals(TARGET, since_unix_ns=0) == 0


def test_a_release_that_was_rolled_back_stays_condemned() -> None:
    back = RollBackRelease(target=TARGET, revision=1, revision_before=2)
    ledger = _history((back, "recovered", 9_000), (_up(2, 4), "recovered", 9_000))
    kept = ledger.pruned(since_unix_ns=NOW)
    assert kept.condemned(TARGET) == {2}
    assert len(kept.entries) == 1
