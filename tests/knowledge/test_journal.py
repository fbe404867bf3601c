"""The journal: what was appended is there after any end, and other files are refused by name."""

import sqlite3
from pathlib import Path

import polars as pl
import pytest

from knowledge.cluster import Restart, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.journal import Journal, JournalError
from knowledge.ticks import TickInputs, TickOutputs
from knowledge.windows import Freshness, WindowTables

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
OUTCOME = WriteOutcome(intent_id="act-1-1", status="applied", reason="", finished_unix_ns=6)


def _inputs(now: int = 7) -> TickInputs:
    tables = WindowTables.empty(0, 10)
    return TickInputs(
        now_unix_ns=now,
        tables=tables,
        freshness=(Freshness(signal="traces", age_s=1.5, rows=3),),
        cluster=None,
        outcomes=(OUTCOME,),
        is_planning_due=True,
    )


def _outputs(*intents: WriteIntent) -> TickOutputs:
    return TickOutputs(
        symptoms=(), issues=(), approved=(), refused=(), intents=intents, verdicts=()
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journal.db"


def test_a_tick_is_read_back_as_it_was(path: Path) -> None:
    journal = Journal.open(path)
    epoch = journal.begin_epoch(1, b"{}")
    journal.append_tick(epoch, _inputs(), _outputs(INTENT))
    (tick,) = Journal.open(path, read_only=True).ticks()
    assert tick.outputs == _outputs(INTENT)
    assert tick.inputs.freshness == _inputs().freshness
    assert tick.inputs.outcomes == (OUTCOME,)
    assert isinstance(tick.inputs.tables.services, pl.DataFrame)
    journal.close()


def test_an_append_is_durable_without_a_close(path: Path) -> None:
    journal = Journal.open(path)
    epoch = journal.begin_epoch(1, b"{}")
    journal.append_tick(epoch, _inputs(), _outputs(INTENT))
    journal.append_write(epoch, OUTCOME)
    memory = Journal.open(path, read_only=True).memory(epoch + 1)
    assert memory.intents == (INTENT,)
    assert memory.outcomes == (OUTCOME,)


def test_appends_are_synced_in_full(path: Path) -> None:
    journal = Journal.open(path)
    (level,) = journal._db.execute("PRAGMA synchronous").fetchone()
    (mode,) = journal._db.execute("PRAGMA journal_mode").fetchone()
    assert (level, mode) == (2, "wal")


def test_epochs_only_grow_and_memory_is_of_those_before(path: Path) -> None:
    journal = Journal.open(path)
    first = journal.begin_epoch(1, b"{}")
    journal.append_tick(first, _inputs(), _outputs(INTENT))
    second = journal.begin_epoch(2, b'{"a": 1}')
    assert second > first
    assert journal.memory(first).intents == ()
    assert journal.memory(second).intents == (INTENT,)
    assert journal.settings_of(second) == b'{"a": 1}'


def test_idle_ticks_go_when_they_are_old_and_what_was_done_stays(path: Path) -> None:
    journal = Journal.open(path)
    epoch = journal.begin_epoch(1, b"{}")
    journal.append_tick(epoch, _inputs(now=10), _outputs())
    journal.append_tick(epoch, _inputs(now=20), _outputs(INTENT))
    journal.append_tick(epoch, _inputs(now=30), _outputs())
    assert journal.prune(before_unix_ns=25) == 1
    assert [tick.inputs.now_unix_ns for tick in journal.ticks()] == [20, 30]
    assert not journal.is_whole(epoch)


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 20, b""])
def test_a_file_that_is_no_journal_is_refused_with_its_name(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.db"):
        Journal.open(path, read_only=True)


def test_a_journal_of_another_format_is_refused_with_a_remedy(path: Path) -> None:
    Journal.open(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(JournalError, match=r"format 99.*name another file"):
        Journal.open(path)


def test_a_missing_journal_cannot_be_read(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot open"):
        Journal.open(path, read_only=True)
