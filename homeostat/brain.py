"""The brain: one process, one loop. Buffers, the control plane, the journal, the status surface."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from typing import Final

from pydantic import TypeAdapter

from analysis.buffers import Buffers
from healing.remedies import report_of
from homeostat import publish
from homeostat.clock import Clock, follow_wall, serve_driver
from homeostat.clusters import cluster_of, replicated_of
from homeostat.control import Control
from homeostat.core import CoreSettings, beginning
from homeostat.emergency_stop import EmergencyStop
from homeostat.intake import Intake, Times
from homeostat.restoration import Restoration
from homeostat.settings import Settings
from homeostat.tokens import TokenError, own_token
from homeostat.traffic import Traffic
from homeostat.version import VERSION
from homeostat.web import bind
from homeostat.web import server as http_server
from knowledge.cluster import WriteIntent
from knowledge.diagnosis import Diagnosis, Question
from knowledge.journal import Journal, JournalError
from knowledge.snapshot import StatusSnapshot
from knowledge.windows import Gap
from receiver.memory import keep_large_buffers
from receiver.pressure import give_back
from status.app import create_app
from status.orders import Desk

log = logging.getLogger(__name__)
CANNOT_SERVE: Final = 3
"""Exit code of a process that told why it cannot serve; 1 is that of a bug."""
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
            replayed=self._restoration.done,
            on_spans=self.traffic.take,
        )
        if has_log:
            self._buffers.hold(self.control.needed_since_unix_ns())
        elif epoch > 1:
            reason = "the analysis was started anew, what it held in memory is lost"
            self._buffers.mark_gap(Gap(start_unix_ns=0, end_unix_ns=now, reason=reason))

    def _forbids(self, intent: WriteIntent) -> str | None:
        return self.control.forbids(intent, now_unix_ns=self.clock.now_unix_ns())

    def _forbids_weights(self, namespace: str) -> str | None:
        """Why no proxy of a namespace may be told of new weights now; None: they may."""
        if self.control.replica.role == "standby":
            return "another replica leads"
        return self.control.forbidden(namespace, "", now_unix_ns=self.clock.now_unix_ns())

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
                replica_notes=(*publish.excess_notes(excess), *control.replica.notes()),
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


async def _serve(
    brain: Brain,
    settings: Settings,
    web: socket.socket,
    endpoints: socket.socket | None,
    token: str,
) -> None:
    """Run all loops until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    desk = Desk(
        token=token,
        give=brain.control.give,
        now_unix_ns=brain.clock.now_unix_ns,
    )
    app = create_app(
        brain.snapshot,
        brain.diagnose,
        find_trace=brain.intake.questions.trace,
        version=VERSION,
        desk=desk,
    )
    server, endpoint_server = http_server(app), http_server(brain.traffic.app())
    async with asyncio.TaskGroup() as tasks:
        eternal = [
            tasks.create_task(brain.intake.serve(settings.frames_socket), name="frames"),
            tasks.create_task(_time(brain, settings), name="clock"),
        ]
        if brain.replicated is not None:
            lease = brain.replicated.succession.leadership.run()
            eternal.append(tasks.create_task(lease, name="lease"))
        if settings.healing.traffic.pools:
            eternal.append(tasks.create_task(brain.traffic.run(), name="traffic"))
        http = [tasks.create_task(server.serve(sockets=[web]), name="status")]
        if endpoints is not None:
            serving = endpoint_server.serve(sockets=[endpoints])
            http.append(tasks.create_task(serving, name="endpoints"))
        await stop.wait()
        server.should_exit = endpoint_server.should_exit = True
        await asyncio.gather(*http)
        for task in eternal:
            task.cancel()
    if brain.replicated is not None:
        if not brain.control.is_writing:  # or a successor might begin before a write has ended
            await brain.replicated.succession.leadership.give_up()
        await brain.replicated.api.close()
    if brain.cluster is not None:
        await brain.cluster.close()
    brain.control.close()


async def _time(brain: Brain, settings: Settings) -> None:
    if settings.clock.kind == "driven":
        await serve_driver(settings.clock_socket, brain.advance)
    else:
        await follow_wall(brain.clock, brain.control.next_tick_unix_ns, brain.advance)


def run(settings: Settings) -> int:
    """Run the brain until it is told to stop; return the exit code."""
    # frames come and go as in a receiver: fresh pages would cost more than all else that is done
    keep_large_buffers()
    os.umask(0o077)  # sockets and journal are our user's alone
    listen, key = settings.status.listen, "status.listen"
    try:
        web = bind(listen)
        endpoints = None
        if settings.healing.traffic.endpoints_listen:
            listen, key = (
                settings.healing.traffic.endpoints_listen,
                "healing.traffic.endpoints_listen",
            )
            endpoints = bind(listen)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        journal = Journal.open(settings.knowledge.journal)
        token = own_token(settings.token_file)
    except OSError as error:
        sys.stderr.write(
            f"cannot listen on {listen}: {error.strerror}; stop the other process or set {key}\n"
        )
        return CANNOT_SERVE
    except JournalError as error:
        sys.stderr.write(f"{error}; or set knowledge.journal\n")
        return CANNOT_SERVE
    except TokenError as error:
        sys.stderr.write(f"{error}; or set status.token_file\n")
        return CANNOT_SERVE
    brain = Brain(settings, journal)
    address = ":".join(map(str, web.getsockname()[:2]))
    sys.stderr.write(f"brain listening status=http://{address} pid={os.getpid()}\n")
    for note in brain.snapshot().notes:
        sys.stderr.write(f"brain: {note}\n")
    sys.stderr.flush()
    try:
        asyncio.run(_serve(brain, settings, web, endpoints, token))
    finally:
        journal.close()
    return 0
