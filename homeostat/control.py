"""The control plane: at each tick look, conclude, journal, write, and publish.

Everything a tick knows is journaled before anything is written to the cluster. A bug in here halts
all actions: the windows go on, /status says `halted`, and nothing more is changed.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

from analysis import watch
from analysis.buffers import Buffers
from healing.cluster.succession import Succession
from healing.state import HealingState
from homeostat.core import CoreSettings, CoreState, beginning, tick
from homeostat.last_word import Moment, recheck
from homeostat.lookback import Lookback
from homeostat.orders import Orders
from homeostat.replica import STANDS_BY, Replica
from homeostat.writer import Writer
from knowledge.cluster import (
    Cluster,
    ClusterReport,
    ClusterUnavailableError,
    WriteIntent,
    WriteOutcome,
)
from knowledge.codec import to_json
from knowledge.diagnosis import Diagnosis, Question
from knowledge.journal import Journal
from knowledge.orders import Order
from knowledge.plans import Refused
from knowledge.sizing import Sized
from knowledge.ticks import TickInputs, TickOutputs
from knowledge.windows import WindowTables

log = logging.getLogger(__name__)
PRUNE_PERIOD_S: Final = 600.0


class Control:
    """The loops' state, and one method that moves it on."""

    def __init__(
        self,
        *,
        buffers: Buffers,
        cluster: Cluster | None,
        journal: Journal,
        journal_retention_s: float,
        epoch: int,
        state: CoreState,
        settings: CoreSettings,
        now_unix_ns: int,
        back_s: float = 0.0,
        succession: Succession | None = None,
        worker: Executor | None = None,
        stopped: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`back_s`: how much of the time before now the first window is built from."""
        self._buffers = buffers
        self._cluster = cluster
        self._journal = journal
        self._journal_retention_s = journal_retention_s
        self._settings = settings
        self._outcomes: tuple[WriteOutcome, ...] = ()
        self._orders = Orders()
        self._stopped = stopped
        self._next_plan_unix_ns = now_unix_ns
        self._next_prune_unix_ns = now_unix_ns
        # one thread for polars and SQLite: the loop stays free, and ticks stay in order
        self._worker = worker or ThreadPoolExecutor(1, "control")
        told = to_json(settings)
        self.replica = Replica(
            journal, self._worker, epoch=epoch, settings=told, succession=succession
        )
        self._writer = Writer(cluster, self.replica, look=self._look)
        self._watch = watch.begin(
            now_unix_ns=now_unix_ns, settings=settings.analysis, back_s=back_s
        )
        self._lookback = Lookback(
            buffers, self._worker, settings.analysis, next_unix_ns=self._watch.next_unix_ns
        )
        self.state = state
        self.tables = WindowTables.empty(now_unix_ns, now_unix_ns)
        self.outputs: TickOutputs | None = None
        self.refused: tuple[Refused, ...] = ()  # of the last look at what to do
        self.sized: tuple[Sized, ...] = ()  # of the last look at what pods use
        self.halted: str | None = None
        self.cluster_note: str | None = None

    def next_tick_unix_ns(self) -> int:
        """When there is something new to look at."""
        return watch.next_tick_unix_ns(self._watch, self._settings.analysis)

    def watermark_unix_ns(self) -> int:
        """Rows before this come too late for their window."""
        return self._watch.next_unix_ns

    def needed_since_unix_ns(self) -> int:
        """Rows before this are needed no more, not even by a successor of ours."""
        return watch.needed_since_unix_ns(self._watch, self._settings.analysis)

    def duplicate_count(self) -> int:
        """Requests that came more than once, since the start."""
        return self._watch.duplicate_count

    def folded_count(self) -> int:
        """Requests whose names share a row, because there are too many names, since the start."""
        return self._watch.folded_count

    def lookback_notes(self) -> tuple[str, ...]:
        """What a reader must know of telemetry that was not remembered."""
        return self._lookback.notes()

    @property
    def settings(self) -> CoreSettings:
        """What the core concludes by."""
        return self._settings

    def adopt(self, settings: CoreSettings) -> None:
        """Conclude by other settings from the next tick on; a replay of this epoch would differ."""
        self._settings = settings

    async def give(self, order: Order) -> str | None:
        """Take an order, which holds for each write from now on; or return why it cannot be.

        It is durable when this returns: also a kill at that moment forgets no pause.

        Raises:
            NotKeptError: it holds, but it could not be made durable.
        """
        if self.replica.role == "standby":
            return STANDS_BY
        refusal = self._orders.give(order, self.healing(order.given_unix_ns), self.refused)
        if refusal is not None:
            return refusal
        if order.kind == "approve":
            self._next_plan_unix_ns = 0  # a person waits
        else:  # an approval is for its moment, and outlives nothing
            return await self.replica.hear(order)
        return None

    def healing(self, now_unix_ns: int) -> HealingState:
        """What healing remembers, with what people said since the last tick."""
        expiry_s = self._settings.healing.approval_expiry_s
        return self._orders.obeyed_by(
            self.state.healing, approval_expiry_s=expiry_s, now_unix_ns=now_unix_ns
        )

    def moment(self, now_unix_ns: int) -> Moment:
        """All that the last word before a write depends on."""
        return Moment(
            state=replace(self.state, healing=self.healing(now_unix_ns)),
            settings=self._settings.healing,
            halted=self.halted,
            stopped=self._stopped(),
            freshness=self._buffers.freshness(now_unix_ns),
            now_unix_ns=now_unix_ns,
        )

    @property
    def is_writing(self) -> bool:
        """Whether a write is under way, or was cut off."""
        return self._writer.is_writing

    def _look(self, intent: WriteIntent, report: ClusterReport, now: int) -> Refused | None:
        return recheck(self.moment(now), intent, report, self.replica.why_not(intent.epoch))

    async def tick(self, clock: Callable[[], int]) -> None:
        """Look once at what is due by the clock."""
        loop = asyncio.get_running_loop()
        now = clock()
        settings = self._settings.analysis
        slices = watch.due(self._watch, self._buffers, now_unix_ns=now, settings=settings)
        try:
            self._watch, self.tables = await loop.run_in_executor(
                self._worker, lambda: watch.look(self._watch, slices, settings=settings)
            )
            self.tables = await self._lookback.remember(
                self.tables, end_unix_ns=self._watch.next_unix_ns, now_unix_ns=now
            )
            if self.halted is None:
                await self._conclude(now, clock)
        except Exception as error:  # a bug of ours, whatever it is, must not act on
            self.halted = self.halted or f"{type(error).__name__}: {error}"
            self._watch = watch.skip(self._watch, slices)
            log.exception("control plane halted")

    async def diagnose(self, question: Question) -> Diagnosis:
        """Return the cause of what began at the question's onset, from all rows that came in."""
        return await self._lookback.diagnose(question)

    async def _conclude(self, now: int, clock: Callable[[], int]) -> None:
        is_leader = await self._lead(now)
        is_planning_due = is_leader and now >= self._next_plan_unix_ns
        if is_planning_due:
            self._next_plan_unix_ns = now + int(self._settings.healing.planning_s * 1e9)
        inputs = TickInputs(
            now_unix_ns=now,
            tables=self.tables,
            freshness=self._buffers.freshness(now),
            cluster=await self._report(),
            outcomes=self._outcomes if is_leader else (),
            is_leader=is_leader,
            is_planning_due=is_planning_due,
            diagnoses=await self._lookback.diagnoses(
                self.state.analysis.issues, now_unix_ns=now, is_due=is_planning_due
            ),
            orders=self._orders.pending if is_leader else (),
            stopped=self._stopped(),
        )
        state, outputs = tick(self.state, inputs, self._settings)
        not_kept = await self.replica.keep(inputs, outputs)
        self.state, self.outputs = state, outputs
        self._outcomes = () if is_leader else self._outcomes
        self._orders.taken(inputs.orders)
        if is_planning_due:
            self.refused = outputs.refused
        self.sized = outputs.sized or self.sized
        for intent in outputs.intents:
            is_retry = self.state.healing.ledger.is_unknown(intent.id)
            outcome = await self._writer.write(intent, clock, not_kept=not_kept, is_retry=is_retry)
            self._outcomes = (*self._outcomes, outcome)
        if now >= self._next_prune_unix_ns:
            self._next_prune_unix_ns = now + int(PRUNE_PERIOD_S * 1e9)
            horizon = now - int(self._journal_retention_s * 1e9)
            prune = partial(self._journal.prune, before_unix_ns=horizon)
            await asyncio.get_running_loop().run_in_executor(self._worker, prune)

    async def _report(self) -> ClusterReport | None:
        if self._cluster is None:
            return None
        try:
            report = await self._cluster.report()
        except ClusterUnavailableError as error:
            self.cluster_note = f"the cluster does not answer: {error}"
            return None
        self.cluster_note = None
        return report

    async def _lead(self, now: int) -> bool:
        """Whether this replica heals; what it takes over takes the place of what it knew."""
        lead = await self.replica.lead(now)
        if lead.taken is not None:
            taken = lead.taken
            self.state = beginning(
                taken.memory, epoch=taken.fence, started_unix_ns=now, before=self.state
            )
            self._outcomes = ()
        return lead.is_leader

    def close(self) -> None:
        """Let the worker finish what it has in hand."""
        self._worker.shutdown()
