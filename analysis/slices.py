"""Rows of one signal and some time, as they were buffered, and how they are read.

A slice is cheap: it names batches that may reach beyond its time. What is read is copied, so a
reader names its columns; all batches are converted together, since each conversion costs as much as
some thousand rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from knowledge.schemas import EVENT_TIME, ROWS, Signal
from knowledge.windows import Gap

_SHARES: Final = 1024
_FIBONACCI: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(54)
_TRACE_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Rows that came together, and the earliest and the latest event time among them.

    Most batches are drawn from several times, by slices that overlap: each remembers what it gave.
    """

    rows: pa.Table
    oldest_unix_ns: int
    newest_unix_ns: int
    _remembered: dict[int, pl.DataFrame] = field(default_factory=dict, repr=False)

    def drawn(self, shares: int) -> pl.DataFrame:
        """Return the spans of the traces that fall into the first `shares` of all shares."""
        if shares not in self._remembered:
            self._remembered[shares] = _frame(_drawn(self.rows, shares))
        return self._remembered[shares]


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySlice:
    """Rows of one signal with event time in [start, end), within batches that may reach beyond."""

    signal: Signal
    start_unix_ns: int
    end_unix_ns: int
    batches: tuple[Batch, ...]
    gaps: tuple[Gap, ...] = ()
    """Of which times around it rows were lost by us."""

    def since(self, start_unix_ns: int) -> Self:
        """Return the part of the slice that begins at `start_unix_ns`."""
        batches = tuple(batch for batch in self.batches if batch.newest_unix_ns >= start_unix_ns)
        return replace(self, start_unix_ns=start_unix_ns, batches=batches)

    def pieces(self, row_count: int) -> Iterator[Self]:
        """Return the slice in pieces of whole batches, each of up to about `row_count` rows."""
        piece: list[Batch] = []
        rows = 0
        for batch in self.batches:
            if piece and rows + batch.rows.num_rows > row_count:
                yield replace(self, batches=tuple(piece))
                piece, rows = [], 0
            piece.append(batch)
            rows += batch.rows.num_rows
        yield replace(self, batches=tuple(piece))

    def frame(
        self, columns: Sequence[str] | None = None, *, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """Return exactly the rows of the slice; of the columns those named, else all.

        `where`: of these only some; asked here, the others are never copied.
        """
        time = EVENT_TIME[self.signal]
        names = list(columns or ROWS[self.signal].names)
        read = names if time in names else [*names, time]
        tables = [batch.rows.select(read) for batch in self.batches]
        return self._exactly(tables, where).select(names)

    def traces(self, span_count_max: int) -> tuple[pl.DataFrame, float]:
        """Return the spans of whole traces, and how many traces each of them stands for.

        Up to `span_count_max` spans that is all of them. Of more it is half as many or up to as
        many: the traces whose id falls into a share, which is a power of two, so that slices draw
        the same traces although their rows vary in number.
        """
        count = sum(batch.rows.num_rows for batch in self.batches)
        if count <= span_count_max:
            return self.frame(), 1.0
        shares = 1 << max(0, (_SHARES * span_count_max // count).bit_length() - 1)
        drawn = [batch.drawn(shares) for batch in self.batches]
        return self._inside(pl.concat(drawn, rechunk=True)), _SHARES / shares

    def _exactly(self, tables: list[pa.Table], where: pl.Expr | None = None) -> pl.DataFrame:
        """Return the rows of all tables whose time is that of the slice."""
        empty = ROWS[self.signal].empty_table()
        rows = _frame(pa.concat_tables(tables or [empty]).unify_dictionaries())
        return self._inside(rows, where)

    def _inside(self, frame: pl.DataFrame, where: pl.Expr | None = None) -> pl.DataFrame:
        if not self._holds_all():
            time = pl.col(EVENT_TIME[self.signal])
            inside = (time >= self.start_unix_ns) & (time < self.end_unix_ns)
            where = inside if where is None else inside & where
        return frame if where is None else frame.filter(where)

    def _holds_all(self) -> bool:
        return all(
            self.start_unix_ns <= batch.oldest_unix_ns and batch.newest_unix_ns < self.end_unix_ns
            for batch in self.batches
        )


def reaching(spans: pl.DataFrame, start_unix_ns: int) -> pl.DataFrame:
    """Return the spans of the traces of which one ended at `start_unix_ns` or later.

    What is before a pane is read for the traces that reach into it. Most do not, and to link them
    costs ten times what it costs to leave them out.
    """
    inside = spans["end_unix_ns"] >= start_unix_ns
    if inside.all():
        return spans
    traces = spans.filter(inside).select(pl.col("trace_id").unique())
    return spans.join(traces, on="trace_id", how="semi", maintain_order="left")


def _frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _drawn(rows: pa.Table, shares: int) -> pa.Table:
    """Draw from a table of one batch.

    By Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4) of the id's second half: that
    is the random one also where the first is a time.
    """
    if not rows.num_rows:
        return rows
    (batch,) = rows.to_batches()
    ids = batch["trace_id"]
    _, offsets, data = ids.buffers()
    places = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    first, last = int(places[0]), int(places[-1])
    assert last - first == _TRACE_ID_BYTES * len(ids), "receivers let no other ids pass"
    halves: NDArray[np.uint64] = np.frombuffer(data, "<u8", count=2 * len(ids), offset=first)
    share = halves[1::2] * _FIBONACCI >> _SHIFT
    # a batch takes rows ten times as fast as a table does
    return pa.table(batch.take(pa.array(np.flatnonzero(share < shares))))
