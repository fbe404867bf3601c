"""The brain: one process, one loop. Buffers, the control plane, the journal, the status surface."""

import asyncio
import logging
import time
from typing import Final

from pydantic import TypeAdapter

from analysis.buffers import Buffers
from healing.remedies import report_of
from homeostat import publish
from homeostat.clock import Clock
from homeostat.clusters import cluster_of, replicated_of
from homeostat.control import Control
from homeostat.core import CoreSettings, beginning
from homeostat.emergency_stop import EmergencyStop
from homeostat.intake import Intake, Times
from homeostat.last_word import forbidden, forbids
from homeostat.restoration import Restoration
from homeostat.room import Room
from homeostat.settings import Settings
from homeostat.traffic import Traffic
from homeostat.version import VERSION
from knowledge.cluster import WriteIntent
from knowledge.diagnosis import Diagnosis, Question
from knowledge.journal import Journal
from knowledge.snapshot import StatusSnapshot
from knowledge.windows import Gap
from receiver.pressure import give_back

log = logging.getLogger(__name__)
GIVE_BACK_PERIOD_S: Final = 15.0


class Brain:
    """The parts, wired. `advance` is the only thing that moves them."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self.clock = Clock(
            is_driven=settings.clock.kind == "driven", start_unix_ns=settings.clock.start_unix_ns
        )
        now = self.clock.now_unix_ns()
        self._buffers = Buffers(
            bytes_max=settings.analysis.buffer_bytes_max,
            retention_s=settings.analysis.retention_s,
        )
        self.replicated = replicated_of(settings, self.clock, self._forbids)
        self.cluster = (
            self.replicated.cluster
            if self.replicated
            else cluster_of(settings, self.clock, self._forbids)
        )
        core = CoreSettings(analysis=settings.analysis, healing=settings.healing)
        has_log = settings.receiver.durability == "wal"
        epoch = journal.begin_epoch(now, TypeAdapter(CoreSettings).dump_json(core))
        self._journal = journal
        self.control = Control(
            buffers=self._buffers,
            cluster=self.cluster,
            journal=journal,
            journal_retention_s=settings.knowledge.journal_retention_s,
            epoch=epoch,
            state=beginning(journal.memory(epoch), epoch=epoch, started_unix_ns=now),
            settings=core,
            now_unix_ns=now,
            succession=self.replicated.succession if self.replicated else None,
            stopped=EmergencyStop.of(settings).reason,
            back_s=settings.analysis.window_s if has_log else 0.0,
        )
        self.traffic = Traffic(
            settings.healing,
            self.clock.now_unix_ns,
            self._forbids_weights,
            only_verified=settings.receiver.principals_file is not None,
        )
        self._next_give_back_s = time.monotonic() + GIVE_BACK_PERIOD_S
        self._restoration = Restoration(receivers=settings.receiver.processes if has_log else 0)
        self.intake = Intake(
            self._buffers,
            self._times,
            room=Room.of(settings.analysis, monotonic_s=time.monotonic).rows_bytes,
            replayed=self._restoration.done,
            on_spans=self.traffic.take,
        )
        if has_log:
            self._buffers.hold(self.control.needed_since_unix_ns())
        elif epoch > 1:
            reason = "the analysis was started anew, what it held in memory is lost"
            self._buffers.mark_gap(Gap(start_unix_ns=0, end_unix_ns=now, reason=reason))

    def _forbids(self, intent: WriteIntent) -> str | None:
        return forbids(self.control.moment(self.clock.now_unix_ns()), intent)

    def _forbids_weights(self, namespace: str) -> str | None:
        """Why no proxy of a namespace may be told of new weights now; None: they may."""
        if self.control.replica.role == "standby":
            return "another replica leads"
        return forbidden(self.control.moment(self.clock.now_unix_ns()), namespace, "")

    async def advance(self, to_unix_ns: int) -> None:
        """Do all ticks that are due until then, each at its own time where the clock is driven."""
        missing = await self._restoration.wait()
        if missing is not None:
            now = self.clock.now_unix_ns()
            self._buffers.mark_gap(Gap(start_unix_ns=0, end_unix_ns=now, reason=missing))
        is_driven = self._settings.clock.kind == "driven"
        while (due := self.control.next_tick_unix_ns()) <= to_unix_ns:
            if is_driven:
                self.clock.set(max(due, self.clock.now_unix_ns()))
            await self.control.tick(self.clock.now_unix_ns)
        if is_driven:
            self.clock.set(to_unix_ns)
        self._buffers.hold(None)
        self._buffers.trim(to_unix_ns)
        await self._give_back()

    async def _give_back(self) -> None:
        """Let the kernel have what was freed, now and then.

        Frames live for seconds among what comes and goes, and no gate bounds how much of it the
        allocator would keep for later.
        """
        if time.monotonic() < self._next_give_back_s:
            return
        self._next_give_back_s = time.monotonic() + GIVE_BACK_PERIOD_S
        await asyncio.get_running_loop().run_in_executor(None, give_back)

    def _times(self) -> Times:
        return Times(
            now_unix_ns=self.clock.now_unix_ns(),
            watermark_unix_ns=self.control.watermark_unix_ns(),
            needed_since_unix_ns=self.control.needed_since_unix_ns(),
        )

    async def diagnose(
        self, onset_unix_ns: int, leave_out: tuple[tuple[int, int], ...]
    ) -> Diagnosis:
        """Return the cause of what began at the onset, by all that is known now."""
        now = self.clock.now_unix_ns()
        return await self.control.diagnose(
            Question(onset_unix_ns=onset_unix_ns, until_unix_ns=now, leave_out=leave_out)
        )

    def snapshot(self) -> StatusSnapshot:
        """All that is to be shown, as of now."""
        control, now = self.control, self.clock.now_unix_ns()
        excess = self.cluster.excess if self.cluster else ()
        acts = self.cluster is not None and not excess
        mode = self._settings.healing.widest_mode() if acts else "observe"
        return StatusSnapshot(
            version=VERSION,
            now_unix_ns=now,
            mode=mode,
            role=control.replica.role,
            epoch=control.replica.epoch,
            notes=publish.notes_of(
                mode,
                has_cluster=self.cluster is not None,
                cluster_note=control.cluster_note,
                folded_count=control.folded_count(),
                replica_notes=(
                    *publish.excess_notes(excess),
                    *control.replica.notes(),
                    *control.lookback_notes(),
                ),
                gap=control.tables.gap,
            ),
            halted=control.halted,
            is_warm=bool(control.state.situation and control.state.situation.is_warm),
            freshness=self._buffers.freshness(now),
            ingest=publish.ingest_of(self._buffers, duplicate_count=control.duplicate_count()),
            receivers=dict(self.intake.counters),
            senders=dict(self.intake.services),
            tables=control.tables,
            symptoms=control.outputs.symptoms if control.outputs else (),
            issues=control.state.analysis.issues,
            treatments=publish.treatments_of(control.state.healing, control.refused),
            actions=publish.actions_of(control.state),
            sized=control.sized,
            regulated=control.outputs.regulated if control.outputs else (),
            stopped=EmergencyStop.of(self._settings).reason(),
            pauses=control.healing(now).pauses,
            escalations=control.healing(now).escalations,
            traffic=self.traffic.records(),
            breakers=self.cluster.breakers if self.cluster else (),
            remedies=report_of(control.state.healing.remedies, self._settings.healing.remedies),
        )
