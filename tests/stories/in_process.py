"""The twin and the service in one process: the same code from OTLP bytes to the write, no sockets.

Seconds of the twin take milliseconds, so that a story of half an hour fits into a test.
"""

import asyncio
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.buffers import Buffers
from analysis.settings import AnalysisSettings
from bench.campaigns.simulation import TwinCluster
from healing.autoscalers import AutoscalerSettings
from healing.settings import HealingSettings
from homeostat.control import Control
from homeostat.core import CoreSettings, beginning
from knowledge.cluster import Scale, Workload
from knowledge.codec import to_json
from knowledge.journal import Journal
from receiver.decode import decode
from twin.model import Call, Operation, RequestKind, Service, System
from twin.otlp import Encoder
from twin.world import World

SECOND_NS = 10**9
START_UNIX_NS = 1_800_000_000 * SECOND_NS
BACK = Service(
    name="back",
    replicas=2,
    replicas_max=8,
    versions=("1.0.0",),
    operations=(Operation(name="GET /", service_ms_mean=60),),
)
SYSTEM = System(
    namespace="shop",
    entry="front",
    services=(
        Service(
            name="front",
            replicas=3,
            replicas_max=3,
            versions=("1.0.0",),
            operations=(
                Operation(
                    name="GET /",
                    service_ms_mean=10,
                    steps=((Call(service="back", operation="GET /"),),),
                ),
            ),
        ),
        BACK,
    ),
    kinds=(RequestKind(operation="GET /", arrivals_per_s=12.0),),
)
"""Two services, twelve requests a second: as little as a story needs."""
ANALYSIS = AnalysisSettings(window_s=15.0, pane_s=5.0, lateness_s=1.0, lookback_s=5.0)


class House:
    """A running system, and the service that watches and heals it."""

    def __init__(
        self,
        journal: Path,
        system: System,
        *,
        autoscalers: dict[str, AutoscalerSettings],
        seed: int = 1,
        **healing: Any,
    ) -> None:
        self.world = World(system, seed, START_UNIX_NS)
        self.path = journal
        self.is_deaf = False  # no telemetry arrives
        self.is_half_deaf = False  # that of every other pod does not
        self.settings = CoreSettings(
            analysis=ANALYSIS,
            healing=HealingSettings(
                **{"namespaces": {system.namespace: "auto"}, "planning_s": 5.0, **healing},
                autoscalers=autoscalers,
            ),
        )
        self._journal = Journal.open(journal)
        self._encoder = Encoder()
        self._buffers = Buffers(bytes_max=2**28, retention_s=30.0)
        self.begin()

    def begin(self) -> None:
        """Start the service; again is a restart with the journal of before."""
        epoch = self._journal.begin_epoch(self.world.now_unix_ns, to_json(self.settings))
        self.control = Control(
            buffers=self._buffers,
            cluster=TwinCluster(self.world),
            journal=self._journal,
            journal_retention_s=10.0**9,
            epoch=epoch,
            state=beginning(
                self._journal.memory(epoch), epoch=epoch, started_unix_ns=self.world.now_unix_ns
            ),
            settings=self.settings,
            now_unix_ns=self.world.now_unix_ns,
        )

    def run(self, seconds: int) -> "House":
        """Let time pass, a second at a time."""
        for _ in range(seconds):
            now = self.world.now_unix_ns + SECOND_NS
            self.world.advance(now)
            parcels = self.world.take_telemetry()
            if self.is_half_deaf:
                parcels = tuple(p for p in parcels if zlib.crc32(p.source.pod_uid.encode()) % 2)
            exports = list(self._encoder.exports(parcels))
            bodies = [e.message.SerializeToString() for e in exports if e.signal == "traces"]
            if bodies and not self.is_deaf:
                decoded = decode("traces", bodies, items_max=10**6)
                self._buffers.add(
                    "traces",
                    pa.Table.from_batches([decoded.rows]),
                    now_unix_ns=now,
                    watermark_unix_ns=self.control.watermark_unix_ns(),
                )
            while self.control.next_tick_unix_ns() <= now:
                asyncio.run(self.control.tick(lambda: self.world.now_unix_ns))
            assert self.control.halted is None, self.control.halted
            self._buffers.trim(now)
        return self

    def workload(self, name: str) -> Workload:
        return next(w for w in self.world.report().workloads if w.key.name == name)

    def steps(self, name: str) -> list[tuple[int, int, str]]:
        """What was written to the replicas of a workload: (before, after, profile)."""
        state = self.control.state
        entries = (*state.healing.ledger.entries, *state.regulation.ledger.entries)
        return [
            (e.intent.change.replicas_before, e.intent.change.replicas, e.intent.profile)
            for e in sorted(entries, key=lambda e: e.intent.created_unix_ns)
            if isinstance(e.intent.change, Scale)
            and e.intent.change.target.name == name
            and e.status == "applied"
        ]

    def end(self) -> None:
        self.control.close()
        self._journal.close()
