"""The last half hour of slim rows: what a diagnosis looks back on. A value, replaced by each tick.

Bounded in rows and in age. When there are too many spans, every other trace is let go, and from
then on only the traces of that half are taken in: what is held is a fair sample of whole traces.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from analysis.diagnosis.telemetry import READ, SLIM, Telemetry, empty, slim
from analysis.slices import TelemetrySlice, reaching
from knowledge.schemas import EVENT_TIME, SIGNALS, Signal

HALVINGS_MAX: Final = 20
DRAWN_COUNT_MAX: Final = 20_000
"""Spans of one tick that are taken in; of more, those of as many whole traces as fit: a diagnosis
needs some thousand requests, and the tick must not take longer for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Slim rows by signal, in chunks of one tick each.

    `next_unix_ns`: until when rows were taken in. `halvings`: how often the sample of traces was
    halved.
    """

    next_unix_ns: int
    halvings: int = 0
    chunks: dict[Signal, tuple[pl.DataFrame, ...]] = field(
        default_factory=lambda: dict.fromkeys(SIGNALS, ())
    )

    def remember(
        self, slices: tuple[TelemetrySlice, ...], *, rows_max: int, retention_s: float
    ) -> "History":
        """Return this history with the rows of `slices`, and nothing older than the retention."""
        end = max((part.end_unix_ns for part in slices), default=self.next_unix_ns)
        horizon = end - int(retention_s * 1e9)
        chunks: dict[Signal, tuple[pl.DataFrame, ...]] = {}
        for signal in SIGNALS:
            time = EVENT_TIME[signal]
            kept = (c for c in self.chunks[signal] if (c[time] >= horizon).any())
            new = (self.taken(part) for part in slices if part.signal == signal)
            chunks[signal] = (*kept, *(chunk for chunk in new if chunk.height))
        return _bounded(replace(self, next_unix_ns=end, chunks=chunks), rows_max)

    def telemetry(
        self, pending: tuple[TelemetrySlice, ...], *, since_unix_ns: int, until_unix_ns: int
    ) -> Telemetry:
        """Return what is known of [since, until), including rows that no tick took in yet."""
        frames = {}
        for signal in SIGNALS:
            time = pl.col(EVENT_TIME[signal])
            new = (self.taken(part) for part in pending if part.signal == signal)
            parts = [empty(signal), *self.chunks[signal], *new]
            inside = time.is_between(since_unix_ns, until_unix_ns, closed="left")
            frames[signal] = pl.concat(parts).filter(inside)
        return Telemetry(spans=frames["traces"], logs=frames["logs"], metrics=frames["metrics"])

    def taken(self, part: TelemetrySlice, reaching_unix_ns: int | None = None) -> pl.DataFrame:
        """Return the rows of a slice as they are held here: slim, and those of the sample only.

        `reaching_unix_ns`: only of traces that reach beyond this time.
        """
        if part.signal == "traces":
            raw, _ = part.traces(DRAWN_COUNT_MAX)
            raw = raw if reaching_unix_ns is None else reaching(raw, reaching_unix_ns)
        else:
            raw = part.frame(READ[part.signal])
        rows = slim(part.signal, raw)
        return rows if part.signal == "metrics" else rows.filter(_sampled(self.halvings))


def _sampled(halvings: int) -> pl.Expr:
    return pl.col("trace") % (1 << halvings) == 0


def _bounded(history: History, rows_max: int) -> History:
    """Halve the sample until no signal has more than `rows_max` rows."""
    chunks, halvings = dict(history.chunks), history.halvings
    while halvings < HALVINGS_MAX and any(_rows(chunks[s]) > rows_max for s in ("traces", "logs")):
        halvings += 1
        for signal in ("traces", "logs"):
            chunks[signal] = tuple(chunk.filter(_sampled(halvings)) for chunk in chunks[signal])
    while _rows(chunks["metrics"]) > rows_max:
        chunks["metrics"] = chunks["metrics"][1:]
    return replace(history, halvings=halvings, chunks=chunks)


def _rows(chunks: tuple[pl.DataFrame, ...]) -> int:
    return sum(chunk.height for chunk in chunks)


def begin(*, now_unix_ns: int) -> History:
    """Return a history that knows nothing of before `now_unix_ns`."""
    return History(next_unix_ns=now_unix_ns)


assert set(SLIM) == set(SIGNALS)
