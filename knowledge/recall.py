"""What a starting service must know, read back from the journal's tables."""

import sqlite3
from typing import Final

from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.codec import from_json
from knowledge.issues import Issue
from knowledge.memory import Memory
from knowledge.orders import Order
from knowledge.plans import ApprovedPlan, Verdict
from knowledge.ticks import TickOutputs

IDLE: Final = ('"intents":[]', '"verdicts":[]')
"""What the outputs of a tick that did nothing contain."""


def recall(db: sqlite3.Connection, before_epoch: int) -> Memory:
    """Return what the epochs before `before_epoch` did."""
    standing = _standing(db, before_epoch)
    approved: list[ApprovedPlan] = []
    intents: list[WriteIntent] = []
    verdicts: list[Verdict] = []
    query = "SELECT outputs FROM ticks WHERE epoch < ? ORDER BY seq"
    for (text,) in db.execute(query, (before_epoch,)):
        if all(mark in text for mark in IDLE):
            continue  # most ticks do nothing; skip the cost of reading them
        outputs = from_json(TickOutputs, text)
        approved += outputs.approved
        intents += outputs.intents
        verdicts += outputs.verdicts
    outcomes = [
        from_json(WriteOutcome, text)
        for (text,) in db.execute(
            "SELECT outcome FROM writes WHERE epoch < ? ORDER BY rowid", (before_epoch,)
        )
    ]
    return Memory(
        approved=tuple(approved),
        intents=tuple(intents),
        outcomes=tuple(outcomes),
        verdicts=tuple(verdicts),
        issues=_open_issues(db, before_epoch),
        orders=_orders(db, before_epoch),
        escalations=standing.escalations if standing else (),
        holds=standing.holds if standing else (),
        remedies_fell_unix_ns=standing.remedies_fell_unix_ns if standing else 0,
    )


def _orders(db: sqlite3.Connection, before_epoch: int) -> tuple[Order, ...]:
    """What people said: what ticks took in, and what was said to one that ended before that."""
    query = "SELECT orders FROM ticks WHERE epoch < ? AND orders != '[]' ORDER BY seq"
    taken = [
        order
        for (text,) in db.execute(query, (before_epoch,))
        for order in from_json(tuple[Order, ...], text)
    ]
    query = "SELECT told FROM said WHERE epoch < ? ORDER BY rowid"
    said = [
        order
        for (text,) in _rows(db, query, before_epoch)
        for order in from_json(tuple[Order, ...], text)
    ]
    more = (order for order in said if order not in taken)
    return tuple(sorted((*taken, *more), key=lambda order: order.given_unix_ns))


def _standing(db: sqlite3.Connection, before_epoch: int) -> TickOutputs | None:
    """The outputs of the last tick that healed."""
    query = (
        "SELECT outputs FROM ticks WHERE epoch < ? AND (epoch, tick) NOT IN"
        " (SELECT epoch, tick FROM standby_ticks) ORDER BY seq DESC LIMIT 1"
    )
    last = [from_json(TickOutputs, text) for (text,) in _rows(db, query, before_epoch)]
    return last[0] if last else None


def _rows(db: sqlite3.Connection, query: str, before_epoch: int) -> list[tuple[str]]:
    """Ask tables that a file of before, opened read-only, may lack."""
    try:
        return db.execute(query, (before_epoch,)).fetchall()
    except sqlite3.OperationalError:
        return []


def _open_issues(db: sqlite3.Connection, before_epoch: int) -> tuple[Issue, ...]:
    row = db.execute(
        "SELECT outputs FROM ticks WHERE epoch < ? ORDER BY seq DESC LIMIT 1", (before_epoch,)
    ).fetchone()
    last = from_json(TickOutputs, row[0]).issues if row else ()
    return tuple(issue for issue in last if issue.state != "resolved")
