"""A write that was held back is no try of it: it spends nothing, and is made again later."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from healing.cluster.gate import write_guarded
from healing.cluster.kube.ledger_content import Content, Kept
from healing.ledger import Ledger
from healing.recover import recover
from healing.state import HealingState
from healing.step import HealingOutput, step
from knowledge.cluster import ClusterReport, ClusterUnavailableError, WriteIntent, WriteOutcome
from knowledge.codec import from_json, to_json
from knowledge.memory import Memory
from tests.healing.conftest import NOW
from tests.healing.ledger_contract import APPLIED, APPROVED, INTENT, VERDICT

SECOND_NS = 10**9
HELD = replace(APPLIED, status="failed", reason="not sent", is_sent=False)


class Silent:
    """A cluster that does not even tell how it is."""

    async def report(self) -> ClusterReport:
        raise ClusterUnavailableError("held back")

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        raise AssertionError(intent)


@pytest.mark.parametrize(("tried", "status"), [("never", "failed"), ("before", "unknown")])
def test_what_was_never_sent_is_unknown_only_after_an_earlier_try(tried: str, status: str) -> None:
    write = write_guarded(
        Silent(), INTENT, lambda *_: None, now_unix_ns=lambda: 1, is_retry=tried == "before"
    )
    outcome = asyncio.run(write)
    assert (outcome.status, outcome.is_sent) == (status, tried == "before")


def test_it_is_no_failed_try() -> None:
    ledger = Ledger().with_intent(INTENT)
    target = INTENT.change.target
    sent = ledger.with_outcome(replace(HELD, is_sent=True))
    assert sent.tries(target, since_unix_ns=0, but="") == 1
    assert ledger.with_outcome(HELD).tries(target, since_unix_ns=0, but="") == 0
    assert ledger.with_outcome(HELD).spent(since_unix_ns=0) == ()


def test_a_journal_of_before_tells_of_writes_that_were_sent() -> None:
    text = to_json(APPLIED).decode().replace(',"is_sent":true', "")
    assert "is_sent" not in text
    assert from_json(WriteOutcome, text) == APPLIED


def _tick(world: Any, state: HealingState, *outcomes: WriteOutcome) -> Any:
    situation = world.situation()
    return step(state, situation, outcomes, (), settings=world.settings, is_planning_due=True)


def _held(intent: WriteIntent, now_unix_ns: int) -> WriteOutcome:
    return replace(HELD, intent_id=intent.id, finished_unix_ns=now_unix_ns)


@pytest.fixture
def missed(world: Any, reading: Any) -> tuple[Any, HealingState, HealingOutput, list[Any]]:
    """A scale-up that did not help; its way back was just asked for."""
    world.cause = replace(world.cause, arrival_ratio=2.4)
    world.pod = replace(world.pod, cpu_ratio=1.0)
    state, output = _tick(world, HealingState(epoch=3))
    (intent,) = output.intents
    world.workload = replace(world.workload, replicas=4, ready_replicas=4, resource_version="8")
    applied = replace(APPLIED, intent_id=intent.id, finished_unix_ns=world.now_unix_ns)
    begun = [output, applied]
    state, _ = _tick(world, state, applied)
    world.pod = replace(world.pod, cpu_ratio=0.2)
    world.symptoms = (reading(2100.0),)
    world.now_unix_ns = NOW + 181 * SECOND_NS
    state, output = _tick(world, state)
    return world, state, output, begun


def test_an_undo_that_is_held_back_is_made_again_until_it_is_sent(missed: Any) -> None:
    world, state, output, _ = missed
    for _ in range(6):
        (undo,) = output.intents
        assert undo.is_undo
        world.now_unix_ns += 5 * SECOND_NS
        state, output = _tick(world, state, _held(undo, world.now_unix_ns))
        assert output.intents == ()  # not at once
        world.now_unix_ns += 61 * SECOND_NS
        state, output = _tick(world, state)
    assert state.escalations == ()
    assert [e.undo_count for e in state.in_flight] == [1]


def test_a_successor_counts_the_same_tries(missed: Any) -> None:
    world, state, output, (begun, applied) = missed
    undos = list(output.intents)
    held = []
    for _ in range(4):
        world.now_unix_ns += 5 * SECOND_NS
        held.append(_held(undos[-1], world.now_unix_ns))
        state, _ = _tick(world, state, held[-1])
        world.now_unix_ns += 61 * SECOND_NS
        state, more = _tick(world, state)
        undos += more.intents
    memory = Memory(
        approved=begun.approved,
        intents=(*begun.intents, *undos),
        outcomes=(applied, *held),
        verdicts=output.verdicts,
    )
    after = recover(memory, epoch=4)
    assert [e.undo_count for e in after.in_flight] == [e.undo_count for e in state.in_flight]


def test_the_shared_ledger_does_not_fill_with_what_was_never_sent() -> None:
    content = Content()
    content.add("plan-x", Kept(approved=(APPROVED,), intents=(INTENT,), outcomes=(HELD,)))
    content.prune(NOW)
    assert content.plans == {}


def test_an_undo_that_is_owed_outlives_a_change_of_the_leader() -> None:
    undos = [replace(INTENT, id=f"undo-{n}", is_undo=True, undo=None) for n in range(3)]
    held = [_held(undo, NOW) for undo in undos]
    kept = Kept(
        approved=(APPROVED,),
        intents=(INTENT, *undos),
        outcomes=(APPLIED, *held),
        verdicts=(VERDICT,),
    )
    content = Content(plans={INTENT.plan_id: kept})
    content.prune(NOW)
    after = content.plans[INTENT.plan_id]
    assert after.approved == (APPROVED,)
    assert [intent.id for intent in after.intents] == [INTENT.id, "undo-2"]
    assert [outcome.intent_id for outcome in after.outcomes] == [INTENT.id, "undo-2"]
