"""The ledger of one replica, in a real journal file."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from healing.cluster.action_ledger import ActionLedger
from healing.cluster.journal_ledger import JournalLedger
from knowledge.journal import Journal
from tests.healing.ledger_contract import LedgerContract

T = TypeVar("T")


@dataclass(frozen=True)
class File:
    """A journal; each `do` opens it anew, as a process does."""

    path: Path

    def do(self, act: Callable[[ActionLedger], Awaitable[T]]) -> T:
        journal = Journal.open(self.path)
        with ThreadPoolExecutor(1) as worker:

            async def run() -> T:
                return await act(JournalLedger(journal, worker))

            try:
                return asyncio.run(run())
            finally:
                journal.close()

    def number(self) -> int:
        journal = Journal.open(self.path)
        try:
            return journal.begin_epoch(0, b"{}")
        finally:
            journal.close()


@pytest.fixture
def store(tmp_path: Path) -> File:
    return File(tmp_path / "journal.db")


class TestJournalLedger(LedgerContract):
    """The contract, as one file keeps it."""
