"""The whole service around a twin in one thread and on simulated time: no process, no socket.

The parts are the real ones: `homeostat.control.Control` with its windows, its pure core and its
gate, over the twin's cluster port. Only OTLP is left out (`columns`), and the journal, which nobody
reads here. A simulation can be copied: many stories go on from one warm start.
"""

import copy
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from random import Random
from typing import Any, Final, Self

from analysis.buffers import Buffers
from analysis.settings import AnalysisSettings
from bench.campaigns.columns import tables
from bench.campaigns.forger import Forger
from bench.campaigns.scenario import Happening, Scenario
from bench.campaigns.wire import NS_PER_S, Wire
from healing.settings import HealingSettings
from healing.state import HealingState
from homeostat.control import Control
from homeostat.core import CoreSettings, CoreState
from knowledge.cluster import ClusterReport, WriteIntent, WriteOutcome
from knowledge.journal import Journal
from knowledge.orders import Order
from knowledge.plans import Mode
from knowledge.ticks import TickInputs, TickOutputs
from twin.model import System
from twin.world import World

START_UNIX_NS: Final = 1_760_000_040 * NS_PER_S
EPOCH: Final = 1
PANE_S: Final = 10.0
"""Half as many looks as by default: a look costs some 50 ms, whatever there is to see."""
SETTINGS: Final = CoreSettings(
    analysis=AnalysisSettings(pane_s=PANE_S),
    healing=HealingSettings(mode="auto", planning_s=2 * PANE_S),
)


class InlineExecutor(Executor):
    """Runs what it is given at once: threads would only add switches."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run `fn` and return what came of it."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the caller's, who gets it from the future
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's own signature
        """Do nothing: nothing is under way."""


class NoJournal(Journal):
    """Takes what a journal takes and keeps nothing."""

    def __init__(self) -> None:
        pass

    def append_tick(self, epoch: int, inputs: TickInputs, outputs: TickOutputs) -> None:
        """Forget a tick."""

    def append_write(self, epoch: int, outcome: WriteOutcome) -> None:
        """Forget a write."""

    def append_order(self, epoch: int, order: Order) -> None:
        """Forget what a person said."""

    def latest_epoch(self) -> int:
        """Nobody else has begun one."""
        return EPOCH

    def prune(self, *, before_unix_ns: int) -> int:
        """Have nothing to let go."""
        del before_unix_ns
        return 0


class TwinCluster:
    """The cluster port of a world in the same process."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def report(self) -> ClusterReport:
        """Return the present facts."""
        return self._world.report()

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        """Try the write."""
        return self._world.write(intent)


class Simulation:
    """A world, the wire and the service; `step` moves all of them to the next look."""

    def __init__(
        self,
        system: System,
        seed: int,
        settings: CoreSettings = SETTINGS,
        *,
        has_cluster: bool = True,
        silent: frozenset[str] = frozenset(),
    ) -> None:
        """`silent`: services that say nothing of themselves, from the beginning."""
        self._silent = silent
        self.world = World(system, seed, START_UNIX_NS)
        self.start_unix_ns = START_UNIX_NS
        self._wire = Wire((), Random(seed), START_UNIX_NS)
        self._buffers = Buffers(
            bytes_max=settings.analysis.buffer_bytes_max, retention_s=settings.analysis.retention_s
        )
        self.control = Control(
            buffers=self._buffers,
            cluster=TwinCluster(self.world) if has_cluster else None,
            journal=NoJournal(),
            journal_retention_s=1e9,
            epoch=EPOCH,
            state=CoreState(healing=HealingState(epoch=EPOCH)),
            settings=settings,
            now_unix_ns=START_UNIX_NS,
            worker=InlineExecutor(),
        )
        self._happenings: list[tuple[int, Happening]] = []
        self._forger: Forger | None = None

    @property
    def now_s(self) -> float:
        """Simulated seconds since `start_unix_ns`."""
        return (self.world.now_unix_ns - self.start_unix_ns) / NS_PER_S

    def fork(self, scenario: Scenario) -> Self:
        """Return a copy that goes on from here as `scenario` has it."""
        other = copy.deepcopy(self)
        other.world.reseed(scenario.seed)
        other.enter(scenario)
        return other

    def enter(self, scenario: Scenario) -> None:
        """Let a story begin now."""
        start = self.start_unix_ns = self.world.now_unix_ns
        self._wire = Wire(scenario.troubles, Random(f"{scenario.seed} wire"), start)
        due = [(start + int(h.at_s * NS_PER_S), h) for h in scenario.happenings]
        self._happenings = sorted(due, key=lambda item: item[0])
        if scenario.forgery is not None:
            begin = start + int(scenario.forgery.begin_s * NS_PER_S)
            self._forger = Forger(scenario.forgery, copy.deepcopy(self.world), begin)

    def set_mode(self, mode: Mode) -> None:
        """Let another mode hold from now on."""
        settings = self.control.settings
        self.control.adopt(replace(settings, healing=replace(settings.healing, mode=mode)))

    async def step(self) -> None:
        """Go on to the next look at the telemetry, and take it."""
        now = self.control.next_tick_unix_ns()
        while self._happenings and self._happenings[0][0] <= now:
            at_unix_ns, happening = self._happenings.pop(0)
            self._play(happening, at_unix_ns)
        self.world.advance(now)
        sent = tuple(
            parcel
            for parcel in self.world.take_telemetry()
            if parcel.source.service not in self._silent
        )
        if self._forger is not None:
            sent = self._forger.instead_of(sent, now_unix_ns=now)
        for signal, rows in tables(self._wire.carry(sent, now_unix_ns=now)):
            self._buffers.add(
                signal,
                rows,
                now_unix_ns=now,
                watermark_unix_ns=self.control.watermark_unix_ns(),
            )
        await self.control.tick(lambda: now)
        if self.control.halted is not None:
            raise AssertionError(f"the control plane halted: {self.control.halted}")

    def _play(self, happening: Happening, at_unix_ns: int) -> None:
        self.world.advance(at_unix_ns)
        if self._forger is not None:
            self._forger.see(happening, at_unix_ns)
        if happening.is_fault:
            self.world.inject(happening.kind, happening.service)
        else:
            self.world.happen(happening.kind, happening.service)


async def warmed(simulation: Simulation, seconds: float) -> Simulation:
    """Let it run until it knows what is normal."""
    while simulation.now_s < seconds:
        await simulation.step()
    return simulation
