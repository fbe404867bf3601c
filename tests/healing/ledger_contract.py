"""The contract of the action ledger: one suite, passed by each that keeps it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import pytest

from healing.cluster.action_ledger import ActionLedger, StaleEpochError
from healing.ledger import Ledger
from healing.recover import recover
from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.memory import Memory
from knowledge.orders import Pause
from knowledge.plans import ApprovedPlan, Escalation, Verdict
from knowledge.regulation import Hold
from knowledge.ticks import TickInputs, TickOutputs
from knowledge.windows import WindowTables
from tests.healing.conftest import NOW, World

T = TypeVar("T")
PLAN = World().asked().plan
APPROVED = ApprovedPlan(plan=PLAN, guards=())
INTENT = WriteIntent(
    id="act-1",
    plan_id=PLAN.id,
    issue_id=PLAN.issue_id,
    epoch=1,
    change=PLAN.change,
    resource_version="7",
    undo=PLAN.undo,
    is_undo=False,
    created_unix_ns=NOW,
)
APPLIED = WriteOutcome(intent_id="act-1", status="applied", reason="", finished_unix_ns=NOW + 1)
VERDICT = Verdict(
    plan_id=PLAN.id,
    issue_id=PLAN.issue_id,
    outcome="worse",
    evidence=("p99 2 s",),
    decided_unix_ns=NOW + 2,
)
PAUSE = Pause(
    id="pause-1",
    namespace="shop",
    workload="",
    reason="maintenance",
    by="ann",
    given_unix_ns=NOW,
    expires_unix_ns=None,
)
ESCALATION = Escalation(
    issue_id="issue-1", reason="it swings", look_at="who else", stops=True, since_unix_ns=NOW
)
HOLD = Hold(workload="shop/back", until_unix_ns=NOW + 10**12)
INPUTS = TickInputs(
    now_unix_ns=NOW,
    tables=WindowTables.empty(NOW - 1, NOW),
    freshness=(),
    cluster=None,
    outcomes=(),
    is_planning_due=True,
)
NOTHING = TickOutputs(symptoms=(), issues=(), approved=(), refused=(), intents=(), verdicts=())
BEGUN = replace(NOTHING, approved=(APPROVED,), intents=(INTENT,))


class Store(Protocol):
    """Where a ledger is kept."""

    def do(self, act: Callable[[ActionLedger], Awaitable[T]]) -> T:
        """Let `act` use the ledger as a new process does."""
        ...

    def number(self) -> int:
        """Return an epoch that may be begun now, above all before it."""
        ...


class LedgerContract:
    """A subclass in a test module supplies the fixture `store`."""

    def _memory(self, store: Store) -> Memory:
        epoch = store.number()
        return store.do(lambda ledger: ledger.begin(epoch))

    def test_an_empty_ledger_remembers_nothing(self, store: Store) -> None:
        assert self._memory(store) == Memory(approved=(), intents=(), outcomes=(), verdicts=())

    def test_what_was_begun_is_known_to_the_next_process(self, store: Store) -> None:
        epoch = store.number()

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(epoch)
            await ledger.keep(INPUTS, BEGUN)

        store.do(act)
        memory = self._memory(store)
        assert (memory.approved, memory.intents) == ((APPROVED,), (INTENT,))
        (entry,) = recover(memory, epoch=2).ledger.entries
        assert entry.status == "unknown"

    def test_budgets_verdicts_and_outcomes_survive(self, store: Store) -> None:
        epoch = store.number()

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(epoch)
            await ledger.keep(INPUTS, BEGUN)
            await ledger.settle(APPLIED)
            await ledger.keep(INPUTS, replace(NOTHING, verdicts=(VERDICT,)))

        store.do(act)
        memory = self._memory(store)
        assert memory.outcomes == (APPLIED,)
        assert memory.verdicts == (VERDICT,)
        ledger = recover(memory, epoch=2).ledger
        spent = ledger.spent(since_unix_ns=NOW - 1)
        assert [(entry.status, entry.verdict) for entry in spent] == [("applied", "worse")]

    def test_what_people_said_survives(self, store: Store) -> None:
        epoch = store.number()

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(epoch)
            await ledger.keep(replace(INPUTS, orders=(PAUSE,)), NOTHING)

        store.do(act)
        assert self._memory(store).orders == (PAUSE,)

    def test_what_people_said_is_durable_before_any_tick(self, store: Store) -> None:
        epoch = store.number()

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(epoch)
            await ledger.hear(PAUSE)

        store.do(act)
        assert self._memory(store).orders == (PAUSE,)

    def test_what_a_tick_takes_in_was_said_once(self, store: Store) -> None:
        epoch = store.number()

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(epoch)
            await ledger.hear(PAUSE)
            await ledger.keep(replace(INPUTS, orders=(PAUSE,)), NOTHING)

        store.do(act)
        assert self._memory(store).orders == (PAUSE,)

    def test_a_successor_knows_what_stood(self, store: Store) -> None:
        """Under which name, what was handed to a person, and whom somebody else had scaled."""
        epoch = store.number()
        stood = replace(
            NOTHING,
            issues=(World().issue(),),
            escalations=(ESCALATION,),
            holds=(HOLD,),
            remedies_fell_unix_ns=NOW,
        )

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(epoch)
            await ledger.keep(INPUTS, stood)
            await ledger.keep(INPUTS, replace(stood, escalations=(), holds=()))
            await ledger.keep(INPUTS, stood)

        store.do(act)
        memory = self._memory(store)
        assert [issue.id for issue in memory.issues] == ["issue-1"]
        assert (memory.escalations, memory.holds) == ((ESCALATION,), (HOLD,))
        after = recover(memory, epoch=2)
        assert after.escalations == (ESCALATION,)
        assert (after.remedies.state.is_fallen_back, after.remedies.fell_unix_ns) == (True, NOW)

    def test_keeping_the_same_intent_again_changes_nothing(self, store: Store) -> None:
        """A retry is among a tick's intents once more."""
        epoch = store.number()

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(epoch)
            await ledger.keep(INPUTS, BEGUN)
            await ledger.keep(INPUTS, replace(NOTHING, intents=(INTENT,)))

        store.do(act)
        counted = Ledger()
        for intent in self._memory(store).intents:
            counted = counted.with_intent(intent)
        assert len(counted.entries) == 1

    def test_an_epoch_that_is_over_keeps_nothing_more(self, store: Store) -> None:
        old = store.number()

        async def act(ledger: ActionLedger) -> None:
            await ledger.begin(old)
            await self._overtaken(store)
            with pytest.raises(StaleEpochError):
                await ledger.keep(INPUTS, BEGUN)
            with pytest.raises(StaleEpochError):
                await ledger.settle(APPLIED)
            with pytest.raises(StaleEpochError):
                await ledger.hear(PAUSE)

        store.do(act)
        memory = self._memory(store)
        assert (memory.intents, memory.outcomes, memory.orders) == ((), (), ())

    async def _overtaken(self, store: Store) -> None:
        """A successor begins, in a process of its own."""
        import asyncio  # noqa: PLC0415 - another loop in another thread, as another process has

        await asyncio.to_thread(self._memory, store)

    def test_an_epoch_that_was_begun_is_not_begun_by_another(self, store: Store) -> None:
        old = store.number()
        store.do(lambda ledger: ledger.begin(old))
        self._memory(store)
        with pytest.raises(StaleEpochError):
            store.do(lambda ledger: ledger.begin(old))
