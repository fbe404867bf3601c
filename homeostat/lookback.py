"""What is remembered of the telemetry beyond the window, and what it says of the open issues."""

import asyncio
import logging
from concurrent.futures import Executor
from dataclasses import replace
from typing import Final

import polars as pl

from analysis.buffers import Buffers
from analysis.cardinality import Caps
from analysis.diagnosis import history
from analysis.diagnosis.engine import diagnose
from analysis.entries import Entries, entries_of
from analysis.events import events_of
from analysis.metered import Metered
from analysis.settings import AnalysisSettings
from analysis.slices import TelemetrySlice
from analysis.usage import Usage
from knowledge.diagnosis import Diagnosis, Question
from knowledge.issues import Issue
from knowledge.schemas import SIGNALS
from knowledge.windows import WindowTables

DIAGNOSED_MAX: Final = 3
"""Issues that are diagnosed: each takes up to a second, and a tick comes every five."""

_FAILURE_CHARS_MAX: Final = 200

log = logging.getLogger(__name__)


class Lookback:
    """The history, what the window has of users, resources and histograms, and the diagnoses."""

    def __init__(
        self, buffers: Buffers, worker: Executor, settings: AnalysisSettings, *, next_unix_ns: int
    ) -> None:
        self._buffers = buffers
        self._worker = worker
        self._settings = settings
        self._history = history.begin(now_unix_ns=next_unix_ns)
        self._entries = Entries()
        self._usage = Usage()
        self._metered = Metered()
        self._metered_failure_count = 0
        self._metered_failure = ""
        self._diagnosed: tuple[Diagnosis, ...] = ()

    async def remember(
        self, tables: WindowTables, *, end_unix_ns: int, now_unix_ns: int
    ) -> WindowTables:
        """Take in what the watermark has passed; return `tables` with what users asked for."""
        begin = self._history.next_unix_ns
        passed = self._not_remembered(end_unix_ns)
        lookback = begin - int(self._settings.lookback_s * 1e9)
        around = self._buffers.slice("traces", lookback, now_unix_ns)
        (
            self._history,
            self._entries,
            self._usage,
            self._metered,
            seen,
        ) = await asyncio.get_running_loop().run_in_executor(
            self._worker,
            lambda: self._remembered(tables, passed, around, begin, end_unix_ns, now_unix_ns),
        )
        return seen

    def _remembered(
        self,
        tables: WindowTables,
        passed: tuple[TelemetrySlice, ...],
        around: TelemetrySlice,
        begin: int,
        end: int,
        now: int,
    ) -> tuple[history.History, Entries, Usage, Metered, WindowTables]:
        settings = self._settings
        known = self._history.remember(
            passed, rows_max=settings.history_rows_max, retention_s=settings.history_s
        )
        spans = known.taken(around if around.since(begin).batches else around.since(begin), begin)
        window_ns = int(settings.window_s * 1e9)
        entries, table = self._entries.advance(
            entries_of(spans, begin, end),
            entries_of(spans, end, now),
            start_unix_ns=now - window_ns,
            window_ns=window_ns,
            request_count_max=settings.operation_count_max,
        )
        points = next((part for part in passed if part.signal == "metrics"), None)
        usage, used = self._usage.advance(points)
        metered, told = self._metered_after(points, tables)
        records = next((part for part in passed if part.signal == "logs"), None)
        tables = replace(tables, entries=table, usage=used, metered=told, events=events_of(records))
        return known, entries, usage, metered, tables

    def _metered_after(
        self, points: TelemetrySlice | None, tables: WindowTables
    ) -> tuple[Metered, pl.DataFrame]:
        """Take histograms in; where that fails they say nothing, and all else goes on.

        No action follows from them, so a bug of ours here is no reason to halt, nor to read the
        same rows for ever.
        """
        settings = self._settings
        caps = Caps(services=settings.service_count_max, operations=settings.operation_count_max)
        try:
            return self._metered.advance(points, window_s=settings.window_s, caps=caps)
        except Exception as error:
            if not self._metered_failure_count:
                log.exception("histograms of requests could not be taken in")
            self._metered_failure_count += 1
            self._metered_failure = f"{type(error).__name__}: {error}"[:_FAILURE_CHARS_MAX]
            return self._metered, tables.metered.clear()

    def notes(self) -> tuple[str, ...]:
        """What a reader must know of histograms that were not taken in."""
        notes = []
        if self._metered_failure_count:
            notes.append(
                f"histograms were not taken in at {self._metered_failure_count:,} looks, a bug of "
                f"ours: {self._metered_failure}"
            )
        if lost := self._metered.streams.counts["lost"]:
            notes.append(f"{lost:,} points of histograms were left out: too many at once")
        return tuple(notes)

    def _not_remembered(self, end_unix_ns: int) -> tuple[TelemetrySlice, ...]:
        begin = self._history.next_unix_ns
        return tuple(self._buffers.slice(signal, begin, end_unix_ns) for signal in SIGNALS)

    async def diagnose(self, question: Question) -> Diagnosis:
        """Return the cause of what began at the question's onset, from all rows that came in."""
        known = self._history
        pending = self._not_remembered(question.until_unix_ns)
        since = question.onset_unix_ns - int(self._settings.history_s * 1e9)
        return await asyncio.get_running_loop().run_in_executor(
            None,
            lambda: diagnose(
                known.telemetry(pending, since_unix_ns=since, until_unix_ns=question.until_unix_ns),
                question,
            ),
        )

    async def diagnoses(
        self, issues: tuple[Issue, ...], *, now_unix_ns: int, is_due: bool
    ) -> tuple[Diagnosis, ...]:
        """What the history says of the issues that are open; anew where `is_due`."""
        issues = tuple(i for i in issues if i.state != "resolved")[:DIAGNOSED_MAX]
        known = {d.question.issue_id: d for d in self._diagnosed}
        # what is felt within a window began about half a window before it was noticed
        lead = int(self._settings.window_s * 0.5e9)
        for issue in issues:
            if is_due or issue.id not in known:
                question = Question(
                    onset_unix_ns=issue.opened_unix_ns - lead,
                    until_unix_ns=now_unix_ns,
                    issue_id=issue.id,
                )
                known[issue.id] = await self.diagnose(question)
        self._diagnosed = tuple(known[issue.id] for issue in issues)
        return self._diagnosed
