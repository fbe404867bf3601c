"""Where rows wait for their window: Arrow batches in order of arrival, bounded in bytes.

The one mutable thing of the analysis. Rows enter as record batches and are never copied; they leave
when the newest row of their batch is older than the retention.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import EVENT_TIME, ROWS, SIGNALS, Signal, conform
from knowledge.windows import Freshness

FUTURE_S_MAX: Final = 60.0
"""A row that claims to be further ahead than clocks differ is held, but never makes data fresh."""


@dataclass(slots=True)
class _Held:
    batch: pa.Table
    oldest_unix_ns: int
    newest_unix_ns: int
    size_bytes: int
    has_attributes: bool = True


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySlice:
    """Rows of one signal with event time in [start, end), within batches that may reach beyond."""

    signal: Signal
    start_unix_ns: int
    end_unix_ns: int
    batches: tuple[pa.Table, ...]

    def frame(self) -> pl.DataFrame:
        """Return exactly the rows of the slice, without opaque attributes; does the work."""
        column = pl.col(EVENT_TIME[self.signal])
        batches = self.batches or (ROWS[self.signal].empty_table(),)
        parts = [_as_frame(batch.drop_columns(["attributes"])) for batch in batches]
        return pl.concat(parts).filter(column >= self.start_unix_ns, column < self.end_unix_ns)


class Buffers:
    """All rows that are held, by signal."""

    def __init__(self, *, bytes_max: int, retention_s: float) -> None:
        self._bytes_max = bytes_max
        self._retention_ns = int(retention_s * 1e9)
        self._size_bytes = 0
        self._lanes = {signal: _Lane() for signal in SIGNALS}

    @property
    def size_bytes(self) -> int:
        """Bytes that the held rows take."""
        return self._size_bytes

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
        size = rows.get_total_buffer_size()
        self.trim(now_unix_ns)
        if self._size_bytes + size > self._bytes_max // 2:
            self._drop_attributes()
        if self._size_bytes + size > self._bytes_max:
            lane.counts.refused_frames += 1
            return "full"
        times = rows[EVENT_TIME[signal]]
        span = pc.min_max(times).as_py()
        horizon = now_unix_ns + int(FUTURE_S_MAX * 1e9)
        if span["min"] < watermark_unix_ns:
            lane.counts.late_rows += pc.sum(pc.less(times, watermark_unix_ns)).as_py()
        if span["max"] > horizon:
            lane.counts.future_rows += pc.sum(pc.greater(times, horizon)).as_py()
        newest = min(span["max"], horizon)
        lane.held.append(
            _Held(batch=rows, oldest_unix_ns=span["min"], newest_unix_ns=newest, size_bytes=size)
        )
        lane.newest_unix_ns = max(lane.newest_unix_ns or newest, newest)
        lane.counts.rows += rows.num_rows
        self._size_bytes += size
        return "kept"

    def trim(self, now_unix_ns: int) -> None:
        """Let go of batches whose rows are all older than the retention."""
        horizon = now_unix_ns - self._retention_ns
        for lane in self._lanes.values():
            if not any(held.newest_unix_ns < horizon for held in lane.held):
                continue
            stay = deque(held for held in lane.held if held.newest_unix_ns >= horizon)
            self._size_bytes -= sum(h.size_bytes for h in lane.held)
            self._size_bytes += sum(h.size_bytes for h in stay)
            lane.held = stay

    def slice(self, signal: Signal, start_unix_ns: int, end_unix_ns: int) -> TelemetrySlice:
        """Return the rows whose event time lies in [start, end); cheap, nothing is read yet."""
        return TelemetrySlice(
            signal=signal,
            start_unix_ns=start_unix_ns,
            end_unix_ns=end_unix_ns,
            batches=tuple(
                held.batch
                for held in self._lanes[signal].held
                if held.oldest_unix_ns < end_unix_ns and held.newest_unix_ns >= start_unix_ns
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

    def _drop_attributes(self) -> None:
        """Replace opaque attributes by nulls: the analysis reads none of them."""
        for lane in self._lanes.values():
            for held in lane.held:
                if not held.has_attributes:
                    continue
                index = held.batch.schema.get_field_index("attributes")
                nothing = pa.nulls(held.batch.num_rows, held.batch.schema.field(index).type)
                # copied, so that the frame which carried the attributes is really let go
                held.batch = _copied(held.batch.set_column(index, "attributes", nothing))
                size = held.batch.get_total_buffer_size()
                self._size_bytes += size - held.size_bytes
                held.size_bytes, held.has_attributes = size, False
                lane.counts.dropped_attribute_rows += held.batch.num_rows


def _as_frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _copied(rows: pa.Table) -> pa.Table:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return pa.ipc.open_stream(sink.getvalue()).read_all()
