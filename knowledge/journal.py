"""The append-only memory: one SQLite file, written by one connection.

`synchronous=FULL` makes an append durable before it returns, so an intent that was appended is
known after any crash (https://www.sqlite.org/pragma.html#pragma_synchronous).

    epochs  one row per start of the service: its number, its settings
    takeovers, standby_ticks: where there are several replicas, see `Takeover`
    ticks   one row per tick: inputs (tables as compressed Arrow, the rest as JSON) and outputs
    writes  one row per outcome of a write, as soon as it is known
    said    one row per order of a person, as soon as it is given
    unwound what `homeostat unwind` set out to do, and what came of it, beside a service or without
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from knowledge.cluster import ClusterReport, WriteIntent, WriteOutcome
from knowledge.codec import from_json, to_json
from knowledge.diagnosis import Diagnosis
from knowledge.memory import Memory, Takeover, Tick
from knowledge.orders import Order
from knowledge.recall import IDLE, recall
from knowledge.ticks import TickInputs, TickOutputs
from knowledge.windows import TABLES, Freshness, WindowTables

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS epochs (
    epoch INTEGER PRIMARY KEY, started_unix_ns INTEGER NOT NULL, settings TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS ticks (
    seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL REFERENCES epochs, tick INTEGER NOT NULL,
    now_unix_ns INTEGER NOT NULL,
    is_planning_due INTEGER NOT NULL, start_unix_ns INTEGER NOT NULL, end_unix_ns INTEGER NOT NULL,
    {", ".join(f"{name} BLOB NOT NULL" for name in TABLES)}, diagnoses TEXT NOT NULL,
    orders TEXT NOT NULL, stopped TEXT,
    freshness TEXT NOT NULL, cluster TEXT, outcomes TEXT NOT NULL,
    outputs TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS writes (
    intent_id TEXT NOT NULL, epoch INTEGER NOT NULL, finished_unix_ns INTEGER NOT NULL,
    outcome TEXT NOT NULL
);
"""
_LATER: Final = """
CREATE TABLE IF NOT EXISTS takeovers (
    epoch INTEGER PRIMARY KEY REFERENCES epochs, fence INTEGER NOT NULL, memory TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS standby_ticks (epoch INTEGER NOT NULL, tick INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS said (epoch INTEGER NOT NULL, told TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS unwound (at_unix_ns INTEGER NOT NULL, told TEXT NOT NULL);
"""
"""What files of before may lack."""
_FORMAT: Final = 4


class JournalError(Exception):
    """The file cannot serve as a journal; the text says why and what to do."""


class Journal:
    """The one connection to the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._tick_count = 0  # of the epoch that this connection began

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False) -> Self:
        """Open `path`, creating it unless `read_only`.

        Raises:
            JournalError: it cannot be opened, is not a journal, or is of another format.
        """
        try:
            if read_only:
                db = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
            else:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")
                if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                    db.executescript(f"{_SCHEMA} PRAGMA user_version={_FORMAT};")
                db.executescript(_LATER)
            (found,) = db.execute("PRAGMA user_version").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"cannot open the journal {path}: {error}") from error
        if found != _FORMAT:
            db.close()
            raise JournalError(
                f"{path} is of journal format {found}, this version reads {_FORMAT}: "
                "name another file, or read it with the version that wrote it"
            )
        return cls(db)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._db.close()

    def begin_epoch(
        self, started_unix_ns: int, settings: bytes, takeover: Takeover | None = None
    ) -> int:
        """Record a start of the service, or a takeover, and return its epoch, above all before."""
        self._tick_count = 0
        row = self._db.execute(
            "INSERT INTO epochs (started_unix_ns, settings) VALUES (?, ?) RETURNING epoch",
            (started_unix_ns, settings.decode()),
        ).fetchone()
        if takeover is not None:
            told = to_json(takeover.memory).decode()
            self._db.execute(
                "INSERT INTO takeovers VALUES (?, ?, ?)", (row[0], takeover.fence, told)
            )
        return int(row[0])

    def latest_epoch(self) -> int:
        """Return the epoch that began last, in whatever process."""
        (latest,) = self._db.execute("SELECT max(epoch) FROM epochs").fetchone()
        return int(latest or 0)

    def takeover_of(self, epoch: int) -> Takeover | None:
        """Return what an epoch took over; None where it began with a start of the service."""
        row = self._select("SELECT fence, memory FROM takeovers WHERE epoch=?", epoch)
        return Takeover(fence=row[0][0], memory=from_json(Memory, row[0][1])) if row else None

    def _select(self, query: str, *values: object) -> list[Any]:
        """Ask a table that a file of before, opened read-only, may lack."""
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            return []

    def settings_of(self, epoch: int) -> bytes:
        """Return the settings that an epoch ran with."""
        row = self._db.execute("SELECT settings FROM epochs WHERE epoch=?", (epoch,)).fetchone()
        return str(row[0]).encode()

    def started_unix_ns(self, epoch: int) -> int:
        """Return when an epoch began."""
        query = "SELECT started_unix_ns FROM epochs WHERE epoch=?"
        (started,) = self._db.execute(query, (epoch,)).fetchone()
        return int(started)

    def append_tick(self, epoch: int, inputs: TickInputs, outputs: TickOutputs) -> None:
        """Append one tick; durable when it returns."""
        self._tick_count += 1
        if not inputs.is_leader:
            self._db.execute("INSERT INTO standby_ticks VALUES (?, ?)", (epoch, self._tick_count))
        blobs = inputs.tables.as_blobs()
        cluster = to_json(inputs.cluster).decode() if inputs.cluster else None
        self._db.execute(
            f"INSERT INTO ticks VALUES (NULL{', ?' * (13 + len(TABLES))})",  # noqa: S608 - only our own marks
            (
                epoch,
                self._tick_count,
                inputs.now_unix_ns,
                inputs.is_planning_due,
                inputs.tables.start_unix_ns,
                inputs.tables.end_unix_ns,
                *(blobs[name] for name in TABLES),
                to_json(inputs.diagnoses, tuple[Diagnosis, ...]).decode(),
                to_json(inputs.orders, tuple[Order, ...]).decode(),
                inputs.stopped,
                to_json(inputs.freshness, tuple[Freshness, ...]).decode(),
                cluster,
                to_json(inputs.outcomes, tuple[WriteOutcome, ...]).decode(),
                to_json(outputs).decode(),
            ),
        )

    def append_write(self, epoch: int, outcome: WriteOutcome) -> None:
        """Append what became of a write; durable when it returns."""
        self._db.execute(
            "INSERT INTO writes VALUES (?, ?, ?, ?)",
            (outcome.intent_id, epoch, outcome.finished_unix_ns, to_json(outcome).decode()),
        )

    def append_order(self, epoch: int, order: Order) -> None:
        """Append what a person said; durable when it returns."""
        told = to_json((order,), tuple[Order, ...]).decode()
        self._db.execute("INSERT INTO said VALUES (?, ?)", (epoch, told))

    def append_unwound(self, at_unix_ns: int, told: WriteIntent | WriteOutcome) -> None:
        """Append what a person took back by hand, before it is written and after."""
        self._db.execute("INSERT INTO unwound VALUES (?, ?)", (at_unix_ns, to_json(told).decode()))

    def unwound(self) -> tuple[WriteIntent | WriteOutcome, ...]:
        """Return all that was taken back by hand, oldest first."""
        rows = self._select("SELECT told FROM unwound ORDER BY rowid")
        told = (f"[{text}]" for (text,) in rows)
        return tuple(
            each
            for text in told
            for each in from_json(tuple[WriteIntent | WriteOutcome, ...], text)
        )

    def prune(self, *, before_unix_ns: int) -> int:
        """Let old ticks go that did nothing; return how many. What was done is kept for good."""
        return self._db.execute(
            "DELETE FROM ticks WHERE now_unix_ns < ? AND orders = '[]'"
            " AND outputs LIKE ? AND outputs LIKE ?",
            (before_unix_ns, *(f"%{mark}%" for mark in IDLE)),
        ).rowcount

    def is_whole(self, epoch: int) -> bool:
        """Whether all ticks of an epoch are still there, so that it can be replayed."""
        first, count, last = self._db.execute(
            "SELECT min(tick), count(*), max(tick) FROM ticks WHERE epoch=?", (epoch,)
        ).fetchone()
        return bool(first is None or (first == 1 and count == last))

    def ticks(self) -> Iterator[Tick]:
        """Yield all ticks, oldest first."""
        watched = set(self._select("SELECT epoch, tick FROM standby_ticks"))
        for row in self._db.execute("SELECT * FROM ticks ORDER BY seq"):
            seq, epoch, tick, now, due, start, end = row[:7]
            blobs = dict(zip(TABLES, row[7:], strict=False))
            diagnoses, orders, stopped, freshness, cluster, outcomes, outputs = row[-7:]
            yield Tick(
                seq=seq,
                epoch=epoch,
                inputs=TickInputs(
                    now_unix_ns=now,
                    is_planning_due=bool(due),
                    is_leader=(epoch, tick) not in watched,
                    tables=WindowTables.from_blobs(start, end, blobs),
                    diagnoses=from_json(tuple[Diagnosis, ...], diagnoses),
                    orders=from_json(tuple[Order, ...], orders),
                    stopped=stopped,
                    freshness=from_json(tuple[Freshness, ...], freshness),
                    cluster=from_json(ClusterReport, cluster) if cluster else None,
                    outcomes=from_json(tuple[WriteOutcome, ...], outcomes),
                ),
                outputs=from_json(TickOutputs, outputs),
            )

    def memory(self, before_epoch: int) -> Memory:
        """Return what the epochs before `before_epoch` did."""
        return recall(self._db, before_epoch)
