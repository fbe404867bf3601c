"""Where rows wait for their window: Arrow batches in order of arrival, bounded in bytes.

The one mutable thing of the analysis. Rows enter as tables and are never copied; they leave when
the newest row of their batch is older than the retention. Opaque attributes are held beside them,
for the newest rows only.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from analysis.slices import Batch, TelemetrySlice
from knowledge.schemas import ATTRIBUTES, EVENT_TIME, ROWS, SIGNALS, Signal, conform
from knowledge.windows import Freshness

FUTURE_S_MAX: Final = 60.0
"""A row that claims to be further ahead than clocks differ is held, but never makes data fresh."""


@dataclass(slots=True)
class _Held:
    signal: Signal
    batch: Batch
    attributes: pa.Table | None
    fresh_unix_ns: int
    row_bytes: int
    attribute_bytes: int


@dataclass(slots=True)
class Counts:
    """What became of the rows of one signal since the start."""

    rows: int = 0
    late_rows: int = 0
    future_rows: int = 0
    dropped_attribute_rows: int = 0
    refused_frames: int = 0


@dataclass(slots=True)
class _Lane:
    held: deque[_Held] = field(default_factory=deque)
    newest_unix_ns: int | None = None
    counts: Counts = field(default_factory=Counts)


class Buffers:
    """All rows that are held, by signal."""

    def __init__(self, *, bytes_max: int, attribute_bytes_max: int, retention_s: float) -> None:
        self._bytes_max = bytes_max
        self._attribute_bytes_max = attribute_bytes_max
        self._retention_ns = int(retention_s * 1e9)
        self._row_bytes = 0
        self._attribute_bytes = 0
        self._attributed: deque[_Held] = deque()
        self._lanes = {signal: _Lane() for signal in SIGNALS}

    @property
    def size_bytes(self) -> int:
        """Bytes that the held rows and attributes take."""
        return self._row_bytes + self._attribute_bytes

    def counts(self, signal: Signal) -> Counts:
        """The counters of a signal."""
        return self._lanes[signal].counts

    def add(
        self,
        signal: Signal,
        rows: pa.Table,
        attributes: pa.Table,
        *,
        now_unix_ns: int,
        watermark_unix_ns: int,
    ) -> Literal["kept", "full"]:
        """Hold `rows`, or refuse them all when there is no room even without any attributes.

        Rows before `watermark_unix_ns` came too late for their window: kept and counted.

        Raises:
            SchemaError: the rows are not in the schema of their signal.
        """
        conform(rows.schema, ROWS[signal], f"Buffers.add({signal})")
        conform(attributes.schema, ATTRIBUTES, f"Buffers.add({signal}) attributes")
        if not rows.num_rows:
            return "kept"
        lane = self._lanes[signal]
        held = self._taken(signal, rows, attributes, now_unix_ns)
        self.trim(now_unix_ns)
        if self._row_bytes + held.row_bytes > self._bytes_max:
            lane.counts.refused_frames += 1
            return "full"
        self._count(lane, held, now_unix_ns=now_unix_ns, watermark_unix_ns=watermark_unix_ns)
        lane.held.append(held)
        self._attributed.append(held)
        self._row_bytes += held.row_bytes
        self._attribute_bytes += held.attribute_bytes
        room = self._bytes_max - self._row_bytes
        self._drop_attributes(beyond_bytes=min(self._attribute_bytes_max, room))
        return "kept"

    def trim(self, now_unix_ns: int) -> None:
        """Let go of batches whose rows are all older than the retention."""
        horizon = now_unix_ns - self._retention_ns
        for lane in self._lanes.values():
            if not any(held.fresh_unix_ns < horizon for held in lane.held):
                continue
            stay: deque[_Held] = deque()
            for held in lane.held:
                if held.fresh_unix_ns >= horizon:
                    stay.append(held)
                else:
                    self._row_bytes -= held.row_bytes
                    self._forget_attributes(held)
            lane.held = stay
        # also from here, or this would hold on to rows that nobody wants any more
        self._attributed = deque(h for h in self._attributed if h.fresh_unix_ns >= horizon)

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

    def _taken(
        self, signal: Signal, rows: pa.Table, attributes: pa.Table, now_unix_ns: int
    ) -> _Held:
        span = pc.min_max(rows[EVENT_TIME[signal]]).as_py()
        return _Held(
            signal=signal,
            batch=Batch(rows=rows, oldest_unix_ns=span["min"], newest_unix_ns=span["max"]),
            attributes=attributes,
            fresh_unix_ns=min(span["max"], now_unix_ns + int(FUTURE_S_MAX * 1e9)),
            row_bytes=rows.get_total_buffer_size(),
            attribute_bytes=attributes.get_total_buffer_size(),
        )

    def _count(self, lane: _Lane, held: _Held, *, now_unix_ns: int, watermark_unix_ns: int) -> None:
        times = held.batch.rows[EVENT_TIME[held.signal]]
        horizon = now_unix_ns + int(FUTURE_S_MAX * 1e9)
        if held.batch.oldest_unix_ns < watermark_unix_ns:
            lane.counts.late_rows += pc.sum(pc.less(times, watermark_unix_ns)).as_py()
        if held.batch.newest_unix_ns > horizon:
            lane.counts.future_rows += pc.sum(pc.greater(times, horizon)).as_py()
        lane.newest_unix_ns = max(lane.newest_unix_ns or 0, held.fresh_unix_ns)
        lane.counts.rows += held.batch.rows.num_rows

    def _drop_attributes(self, *, beyond_bytes: int) -> None:
        """Let go of the attributes of the oldest rows until the rest is within its bound."""
        while self._attributed and self._attribute_bytes > beyond_bytes:
            held = self._attributed.popleft()
            if held.attributes is not None:
                self._lanes[held.signal].counts.dropped_attribute_rows += held.batch.rows.num_rows
            self._forget_attributes(held)

    def _forget_attributes(self, held: _Held) -> None:
        if held.attributes is not None:
            self._attribute_bytes -= held.attribute_bytes
            held.attributes = None
