"""Where rows wait for their window: Arrow batches in order of arrival, bounded in bytes.

The one mutable thing of the analysis. Rows enter as tables and are never copied; they leave when
the newest row of their batch is older than the retention.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from analysis.slices import Batch, TelemetrySlice
from knowledge.schemas import EVENT_TIME, ROWS, SIGNALS, Signal, conform
from knowledge.windows import Freshness, Gap

FUTURE_S_MAX: Final = 60.0
"""A row that claims to be further ahead than clocks differ is held no longer than such a one."""

GAPS_MAX: Final = 256
"""Gaps that are remembered, the newest: far more than a window can touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    batch: Batch
    fresh_unix_ns: int
    """Its newest time, as far as that can be believed: how long it is held."""

    size_bytes: int


@dataclass(slots=True)
class Counts:
    """What became of the rows of one signal since the start."""

    rows: int = 0
    late_rows: int = 0
    future_rows: int = 0
    refused_frames: int = 0


@dataclass(slots=True)
class _Lane:
    held: deque[_Held] = field(default_factory=deque)
    first_to_go_unix_ns: int = 0
    """No batch that is held has a newest time before this."""

    newest_unix_ns: int | None = None
    counts: Counts = field(default_factory=Counts)


class Buffers:
    """All rows that are held, by signal."""

    def __init__(self, *, bytes_max: int, retention_s: float) -> None:
        self._bytes_max = bytes_max
        self._retention_ns = int(retention_s * 1e9)
        self._lanes = {signal: _Lane() for signal in SIGNALS}
        self.size_bytes = 0
        self._gaps: tuple[Gap, ...] = ()
        self._holds_since_unix_ns: int | None = None

    def counts(self, signal: Signal) -> Counts:
        """The counters of a signal."""
        return self._lanes[signal].counts

    def add(
        self, signal: Signal, rows: pa.Table, *, now_unix_ns: int, watermark_unix_ns: int
    ) -> Literal["kept", "full"]:
        """Hold `rows`, or refuse them all when there is no room.

        Rows before `watermark_unix_ns` came too late for their window: kept and counted.

        Raises:
            SchemaError: the rows are not in the schema of their signal.
        """
        conform(rows.schema, ROWS[signal], f"Buffers.add({signal})")
        if not rows.num_rows:
            return "kept"
        lane = self._lanes[signal]
        span = pc.min_max(rows[EVENT_TIME[signal]]).as_py()
        held = _Held(
            batch=Batch(rows=rows, oldest_unix_ns=span["min"], newest_unix_ns=span["max"]),
            fresh_unix_ns=min(span["max"], now_unix_ns + int(FUTURE_S_MAX * 1e9)),
            size_bytes=rows.get_total_buffer_size(),
        )
        if self.size_bytes + held.size_bytes > self._bytes_max:
            self.trim(now_unix_ns)
        if self.size_bytes + held.size_bytes > self._bytes_max:
            lane.counts.refused_frames += 1
            return "full"
        times = rows[EVENT_TIME[signal]]
        self._count(lane, held, times, now_unix_ns=now_unix_ns, watermark_unix_ns=watermark_unix_ns)
        first = lane.first_to_go_unix_ns if lane.held else held.fresh_unix_ns
        lane.first_to_go_unix_ns = min(first, held.fresh_unix_ns)
        lane.held.append(held)
        self.size_bytes += held.size_bytes
        return "kept"

    def trim(self, now_unix_ns: int) -> None:
        """Let go of batches whose rows are all older than the retention."""
        horizon = now_unix_ns - self._retention_ns
        if self._holds_since_unix_ns is not None:
            horizon = min(horizon, self._holds_since_unix_ns)
        for lane in self._lanes.values():
            if not lane.held or lane.first_to_go_unix_ns >= horizon:
                continue
            gone = sum(held.size_bytes for held in lane.held if held.fresh_unix_ns < horizon)
            lane.held = deque(held for held in lane.held if held.fresh_unix_ns >= horizon)
            lane.first_to_go_unix_ns = min((h.fresh_unix_ns for h in lane.held), default=0)
            self.size_bytes -= gone

    def hold(self, since_unix_ns: int | None) -> None:
        """Keep rows since then, whatever their age; None: no more. For windows yet to be built."""
        self._holds_since_unix_ns = since_unix_ns

    def mark_gap(self, gap: Gap) -> None:
        """Remember that rows were lost; the same gap may be told again."""
        if gap not in self._gaps:
            self._gaps = (*self._gaps, gap)[-GAPS_MAX:]

    def slice(self, signal: Signal, start_unix_ns: int, end_unix_ns: int) -> TelemetrySlice:
        """Return the rows whose event time lies in [start, end); cheap, nothing is read yet."""
        return TelemetrySlice(
            signal=signal,
            start_unix_ns=start_unix_ns,
            end_unix_ns=end_unix_ns,
            batches=tuple(
                held.batch
                for held in self._lanes[signal].held
                if held.batch.oldest_unix_ns < end_unix_ns
                and held.batch.newest_unix_ns >= start_unix_ns
            ),
            gaps=self._gaps,
        )

    def freshness(self, now_unix_ns: int) -> tuple[Freshness, ...]:
        """How old the newest row of each signal is, and how many rows came in all."""
        return tuple(
            Freshness(
                signal=signal,
                age_s=None
                if lane.newest_unix_ns is None
                else max(0.0, (now_unix_ns - lane.newest_unix_ns) / 1e9),
                rows=lane.counts.rows,
            )
            for signal, lane in self._lanes.items()
        )

    def _count(
        self,
        lane: _Lane,
        held: _Held,
        times: pa.ChunkedArray,
        *,
        now_unix_ns: int,
        watermark_unix_ns: int,
    ) -> None:
        horizon = now_unix_ns + int(FUTURE_S_MAX * 1e9)
        if held.batch.oldest_unix_ns < watermark_unix_ns:
            lane.counts.late_rows += pc.sum(pc.less(times, watermark_unix_ns)).as_py()
        if held.batch.newest_unix_ns > horizon:
            lane.counts.future_rows += pc.sum(pc.greater(times, horizon)).as_py()
        # nothing is fresher than when it came: a clock that runs ahead keeps no silence hidden
        known_unix_ns = min(held.fresh_unix_ns, now_unix_ns)
        lane.newest_unix_ns = max(lane.newest_unix_ns or 0, known_unix_ns)
        lane.counts.rows += held.batch.rows.num_rows
