"""What one look at the telemetry yields: the window tables, and how fresh each signal is."""

import io
from dataclasses import dataclass, field, fields
from typing import Final, Self

import polars as pl
import pyarrow as pa

from knowledge.schemas import (
    BLAME,
    EDGES,
    ENTRIES,
    EVENTS,
    GAPS,
    INSTANCES,
    METERED,
    OPERATIONS,
    RECENT,
    SENDERS,
    SERVICES,
    USAGE,
    Signal,
    conform,
)

_SCHEMAS: Final = {
    "operations": OPERATIONS,
    "services": SERVICES,
    "edges": EDGES,
    "blame": BLAME,
    "instances": INSTANCES,
    "entries": ENTRIES,
    "gaps": GAPS,
    "senders": SENDERS,
    "recent": RECENT,
    "usage": USAGE,
    "metered": METERED,
    "events": EVENTS,
}
TABLES: Final = tuple(_SCHEMAS)
"""The names of a window's tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Event time, [start, end), of which we lost rows: ours is the fault, not the services'."""

    start_unix_ns: int
    end_unix_ns: int
    reason: str

    def touches(self, start_unix_ns: int, end_unix_ns: int) -> bool:
        """Whether rows of that time may be missing."""
        return self.start_unix_ns < end_unix_ns and self.end_unix_ns > start_unix_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTables:
    """The telemetry of one window, [start, end) in event time, each table in its schema."""

    start_unix_ns: int
    end_unix_ns: int
    operations: pl.DataFrame
    services: pl.DataFrame
    edges: pl.DataFrame
    blame: pl.DataFrame
    instances: pl.DataFrame
    entries: pl.DataFrame = field(default_factory=lambda: _empty(ENTRIES))
    gaps: pl.DataFrame = field(default_factory=lambda: _empty(GAPS))
    senders: pl.DataFrame = field(default_factory=lambda: _empty(SENDERS))
    recent: pl.DataFrame = field(default_factory=lambda: _empty(RECENT))
    usage: pl.DataFrame = field(default_factory=lambda: _empty(USAGE))
    metered: pl.DataFrame = field(default_factory=lambda: _empty(METERED))
    events: pl.DataFrame = field(default_factory=lambda: _empty(EVENTS))

    def __post_init__(self) -> None:
        for name, schema in _SCHEMAS.items():
            frame: pl.DataFrame = getattr(self, name)
            conform(_plain(frame.to_arrow().schema), schema, f"WindowTables.{name}")

    @property
    def window_s(self) -> float:
        """The length of the window."""
        return (self.end_unix_ns - self.start_unix_ns) / 1e9

    def as_blobs(self) -> dict[str, bytes]:
        """Return each table as compressed Arrow IPC bytes, for the journal."""
        blobs = {}
        for name in _SCHEMAS:
            buffer = io.BytesIO()
            frame: pl.DataFrame = getattr(self, name)
            frame.write_ipc(buffer, compression="zstd")
            blobs[name] = buffer.getvalue()
        return blobs

    @classmethod
    def from_blobs(cls, start_unix_ns: int, end_unix_ns: int, blobs: dict[str, bytes]) -> Self:
        """Read the tables back as they were."""
        tables = {name: pl.read_ipc(io.BytesIO(blobs[name])) for name in _SCHEMAS if name in blobs}
        return cls(start_unix_ns=start_unix_ns, end_unix_ns=end_unix_ns, **tables)

    @property
    def gap(self) -> str | None:
        """Why rows of this window are missing; None: nothing that we know of."""
        return None if self.gaps.is_empty() else str(self.gaps["reason"][-1])

    @classmethod
    def empty(cls, start_unix_ns: int, end_unix_ns: int) -> Self:
        """Return the tables of a window in which nothing was seen."""
        tables = {name: _empty(schema) for name, schema in _SCHEMAS.items()}
        return cls(start_unix_ns=start_unix_ns, end_unix_ns=end_unix_ns, **tables)


def gaps_table(gaps: tuple[Gap, ...]) -> pl.DataFrame:
    """Return gaps as a table in the schema GAPS."""
    rows = [(gap.start_unix_ns, gap.end_unix_ns, gap.reason) for gap in gaps]
    return pl.DataFrame(rows, schema=_empty(GAPS).schema, orient="row")


def _empty(schema: pa.Schema) -> pl.DataFrame:
    frame = pl.from_arrow(schema.empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def _plain(schema: pa.Schema) -> pa.Schema:
    """Polars hands strings out as large_string and lists as large_list: the same to us."""
    return pa.schema([pa.field(field.name, _narrow(field.type)) for field in schema])


def _narrow(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_list(kind):
        return pa.list_(_narrow(kind.value_type))
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old the newest row of a signal is; `age_s` is None when there never was one."""

    signal: Signal
    age_s: float | None
    rows: int


assert {item.name for item in fields(WindowTables)} > set(_SCHEMAS)
