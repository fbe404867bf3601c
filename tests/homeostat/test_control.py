"""The control plane: journal first, then write; and a bug halts actions, not the windows."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.buffers import Buffers
from analysis.settings import AnalysisSettings
from healing.settings import HealingSettings
from homeostat import control as control_module
from homeostat import core
from homeostat.control import Control
from homeostat.core import CoreSettings, CoreState
from homeostat.last_word import forbids
from homeostat.publish import treatments_of
from homeostat.replay import replay
from knowledge.cluster import (
    ClusterReport,
    ClusterUnavailableError,
    Restart,
    WriteIntent,
    WriteOutcome,
)
from knowledge.identity import WorkloadKey
from knowledge.journal import Journal
from knowledge.orders import Pause
from knowledge.plans import Refused
from knowledge.ticks import TickInputs, TickOutputs

SECOND_NS = 10**9
KEY = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="u")
INTENT = WriteIntent(
    id="act-1-1",
    plan_id="plan",
    issue_id="issue",
    epoch=1,
    change=Restart(target=KEY),
    resource_version="1",
    undo=None,
    is_undo=False,
    created_unix_ns=5,
)
SETTINGS = CoreSettings(
    analysis=AnalysisSettings(window_s=5, lateness_s=0), healing=HealingSettings()
)


class Cluster:
    """Remembers what was asked of it; answers as it is told."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.is_silent = False
        self.known_at_write: list[str] = []

    async def report(self) -> ClusterReport:
        if self.is_silent:
            raise ClusterUnavailableError("silent")
        return ClusterReport(observed_unix_ns=0, workloads=(), pods=())

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        ticks = Journal.open(self.journal, read_only=True).ticks()
        self.known_at_write += [i.id for tick in ticks for i in tick.outputs.intents]
        return WriteOutcome(intent_id=intent.id, status="applied", reason="", finished_unix_ns=6)


class House:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal.open(path)
        self.cluster = Cluster(path)
        self.now = 100 * SECOND_NS
        epoch = self.journal.begin_epoch(0, control_settings())
        self.control = Control(
            buffers=Buffers(bytes_max=2**20, retention_s=60),
            cluster=self.cluster,
            journal=self.journal,
            journal_retention_s=10**9,
            epoch=epoch,
            state=CoreState(),
            settings=SETTINGS,
            now_unix_ns=self.now,
        )

    def tick(self) -> None:
        self.now += 5 * SECOND_NS
        asyncio.run(self.control.tick(lambda: self.now))


def control_settings() -> bytes:
    from knowledge.codec import to_json  # noqa: PLC0415 - used here only

    return to_json(SETTINGS)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "journal.db")


def _wanting(monkeypatch: pytest.MonkeyPatch, *, allowed: bool) -> None:
    """The core wants one write; the last look before it says yes or no."""

    def tick(
        state: CoreState, inputs: TickInputs, settings: CoreSettings
    ) -> tuple[CoreState, TickOutputs]:
        state, outputs = real(state, inputs, settings)
        intents = (INTENT,) if not inputs.outcomes else ()
        return state, TickOutputs(
            symptoms=(),
            issues=(),
            approved=(),
            refused=outputs.refused,
            intents=intents,
            verdicts=(),
        )

    real = core.tick
    monkeypatch.setattr(control_module, "tick", tick)
    if allowed:
        monkeypatch.setattr(control_module, "recheck", lambda *_: None)


def test_an_intent_is_durable_before_it_is_tried(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wanting(monkeypatch, allowed=True)
    house.tick()
    assert house.cluster.known_at_write == ["act-1-1"]
    assert house.journal.memory(99).outcomes[0].status == "applied"


def test_what_became_of_a_write_is_the_next_ticks_input(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wanting(monkeypatch, allowed=True)
    house.tick()
    house.tick()
    first, second = house.journal.ticks()
    assert first.inputs.outcomes == ()
    assert [outcome.intent_id for outcome in second.inputs.outcomes] == ["act-1-1"]


def test_a_guard_that_says_no_at_the_last_moment_stops_the_write(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wanting(monkeypatch, allowed=False)
    house.tick()
    assert house.cluster.known_at_write == []
    (outcome,) = house.journal.memory(99).outcomes
    assert outcome.status == "refused"
    assert "provenance" in outcome.reason


def test_without_fresh_facts_nothing_is_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wanting(monkeypatch, allowed=True)
    house.cluster.is_silent = True
    house.tick()
    assert house.cluster.known_at_write == []
    assert "does not answer" in str(house.control.cluster_note)
    (outcome,) = house.journal.memory(99).outcomes
    assert (outcome.status, outcome.is_sent) == ("failed", False)


def test_what_a_person_says_after_the_guards_still_stops_the_write(house: House) -> None:
    now = house.now
    assert forbids(house.control.moment(now), INTENT) is None
    asyncio.run(
        house.control.give(
            Pause(
                id="p",
                namespace=INTENT.change.target.namespace,
                workload="",
                reason="hands off",
                by="ada",
                given_unix_ns=now,
                expires_unix_ns=None,
            )
        )
    )
    assert "paused by ada" in (forbids(house.control.moment(now), INTENT) or "")
    house.control.halted = "a bug"
    assert forbids(house.control.moment(now), INTENT) == "a bug"


def test_a_bug_halts_actions_while_windows_go_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.tick()

    def buggy(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(control_module, "tick", buggy)
    house.tick()
    assert house.control.halted == "ZeroDivisionError: a bug"
    monkeypatch.setattr(control_module, "tick", core.tick)
    end = house.control.tables.end_unix_ns
    house.tick()
    assert house.control.tables.end_unix_ns == end + 5 * SECOND_NS
    assert house.control.halted == "ZeroDivisionError: a bug"
    assert len(list(house.journal.ticks())) == 1


def test_a_journal_that_cannot_be_written_halts_before_the_write(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wanting(monkeypatch, allowed=True)
    house.journal.close()
    house.tick()
    assert "ProgrammingError" in str(house.control.halted)
    assert house.cluster.known_at_write == []


def test_why_nothing_is_done_stays_in_sight_until_plans_are_made_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Refused(issue_id="issue", guard="strategy", reason="nothing fits")
    planned: list[bool] = []

    def tick(
        state: CoreState, inputs: TickInputs, settings: CoreSettings
    ) -> tuple[CoreState, TickOutputs]:
        planned.append(inputs.is_planning_due)
        state, outputs = core.tick(state, inputs, settings)
        found = (refusal,) if inputs.is_planning_due and len(planned) == 1 else ()
        return state, replace(outputs, refused=found)

    monkeypatch.setattr(control_module, "tick", tick)
    seen = []
    for _ in range(8):  # a tick each 5 s, plans each 30 s
        house.tick()
        (*shown,) = treatments_of(house.control.state.healing, house.control.refused)
        seen.append([t.refusals for t in shown])
    assert planned == [True, *[False] * 5, True, False]
    assert seen == [[(refusal,)]] * 6 + [[], []]


def test_a_stall_is_caught_up_with_in_one_tick(house: House) -> None:
    house.now += 1000 * SECOND_NS
    house.tick()
    assert house.control.tables.end_unix_ns == house.now
    assert house.control.next_tick_unix_ns() == house.now + 5 * SECOND_NS


def test_replay_gives_the_outputs_again(house: House) -> None:
    for _ in range(4):
        house.tick()
    found = replay(house.path)
    assert (found.tick_count, found.difference) == (4, None)


def test_replay_names_the_first_difference(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.tick()
    _wanting(monkeypatch, allowed=False)
    house.tick()
    monkeypatch.undo()
    difference = replay(house.path).difference
    assert difference is not None
    assert (difference.seq, difference.field) == (2, "intents")
    assert "act-1-1" in difference.journaled
    assert difference.replayed == "None"


def test_replay_skips_an_epoch_whose_beginning_is_gone(house: House) -> None:
    for _ in range(3):
        house.tick()
    house.journal.prune(before_unix_ns=106 * SECOND_NS)
    found = replay(house.path)
    assert (found.tick_count, found.skipped_epochs) == (0, (1,))
