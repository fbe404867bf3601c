"""From points of histograms to what each of them adds: aware of resets, duplicates and gaps.

A delta point says what was counted since its start. A cumulative one says what was counted since a
start that may be days ago: what it adds is the difference to the point before it. Whatever cannot
be told apart from what was counted long ago adds nothing, and its stream is known from then on.
Source: OpenTelemetry, metrics/data-model.md, "Resets and gaps" and "Overlap".
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from analysis.histograms import Histogram
from knowledge.identity import ServiceKey
from knowledge.instruments import MS_PER_UNIT

DELTA: Final = 1
STREAM_SILENT_S_MAX: Final = 900.0
"""Five exports of three minutes: a stream that was silent for so long is forgotten."""
STREAMS_MAX: Final = 100_000
"""Streams that are remembered, some 2 kB each; of more the longest silent ones are forgotten. So
are processes: each has a stream at least."""

READ: Final = (
    *("namespace", "service", "time_unix_ns", "start_unix_ns", "name", "unit", "is_old_name"),
    *("temporality", "count", "sum", "max", "bounds", "bucket_counts", "scale", "bucket_offset"),
    *("zero_count", "is_error", "exemplar", "resource_id", "stream_id"),
)
"""The columns of METRICS that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """What one stream counted in [begin, end)."""

    service: ServiceKey
    resource_id: int
    metric: str
    is_old_name: bool
    is_error: bool
    begin_unix_ns: int
    end_unix_ns: int
    histogram: Histogram
    exemplar: str
    """Trace id (hex) of a slow request; empty: none is known."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The newest point of a stream."""

    time_unix_ns: int
    start_unix_ns: int
    histogram: Histogram


_T = TypeVar("_T")
_Stream = tuple[int, int]
"""Stream id, and start where the points are cumulative: another start is another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What is known of all streams; a value, replaced by each step.

    `seen`: per resource and start the two newest times at which cumulative points of it came: a
    stream that is new now had counted nothing at the time before.
    """

    known: Mapping[_Stream, _Known] = field(default_factory=dict)
    seen: Mapping[_Stream, tuple[int, int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """Points, since the start. `reset`, `duplicate`; `unknown`: they added nothing, as it is not
    known since when they count, or what more than before; `lost`: there were too many of them,
    or of what they added."""

    def advance(
        self, points: Iterable[Mapping[str, Any]], *, now_unix_ns: int
    ) -> tuple["Streams", list[Increment]]:
        """Take in points, in the order of their time; return what they add.

        `points`: rows of READ, none of them null in `stream_id`. None is older than one that was
        taken in before.
        """
        step = _Step(known=dict(self.known), seen=dict(self.seen), counts=Counter(self.counts))
        found = [added for point in points if (added := step.take(point)) is not None]
        horizon = now_unix_ns - int(STREAM_SILENT_S_MAX * 1e9)
        known = _newest(step.known, lambda last: last.time_unix_ns, horizon)
        seen = _newest(step.seen, lambda times: times[0], horizon)
        return replace(self, known=known, seen=seen, counts=step.counts), found

    def losing(self, count: int) -> "Streams":
        """Return the same with so many points more that were lost."""
        return replace(self, counts=self.counts + Counter(lost=count)) if count else self


def _newest(
    found: Mapping[_Stream, _T], time_of: Callable[[_T], int], horizon_unix_ns: int
) -> dict[_Stream, _T]:
    """Return what is not older than the horizon; of more than STREAMS_MAX, the newest."""
    fresh = {key: one for key, one in found.items() if time_of(one) >= horizon_unix_ns}
    if len(fresh) <= STREAMS_MAX:
        return fresh
    newest = sorted(fresh.items(), key=lambda item: -time_of(item[1]))
    return dict(newest[:STREAMS_MAX])


@dataclass(slots=True, kw_only=True)
class _Step:
    """One step's copy of what is known."""

    known: dict[_Stream, _Known]
    seen: dict[_Stream, tuple[int, int]]
    counts: Counter[str]

    def take(self, point: Mapping[str, Any]) -> Increment | None:
        time, start = point["time_unix_ns"], point["start_unix_ns"]
        is_delta = point["temporality"] == DELTA
        key = (point["stream_id"], 0 if is_delta else start)
        last = self.known.get(key)
        if last is not None and (time <= last.time_unix_ns and start == last.start_unix_ns):
            self.counts["duplicate"] += 1
            return None
        now = histogram_of(point)
        self.known[key] = _Known(time, start, now)
        if is_delta:
            begin = start or (last.time_unix_ns if last else 0)
            added: Histogram | None = now
        else:
            before = self._seen_before((point["resource_id"], start), time)
            added = now.since(last.histogram) if last else None
            if last is not None and added is None:
                if not now.is_reset_after(last.histogram):
                    self.counts["unknown"] += 1
                    return None
                self.counts["reset"] += 1
            begin = last.time_unix_ns if last else start and max(start, before)
        if not begin:
            self.counts["unknown"] += 1
            return None
        return _increment(point, added or now, begin)

    def _seen_before(self, process: _Stream, time: int) -> int:
        """When points of this process came before those of `time`; 0: never."""
        newest, before = self.seen.get(process, (0, 0))
        if time > newest:
            self.seen[process] = (time, newest)
            return newest
        return before


def _increment(point: Mapping[str, Any], added: Histogram, begin_unix_ns: int) -> Increment:
    trace: bytes | None = point["exemplar"]
    return Increment(
        service=ServiceKey(namespace=point["namespace"], name=point["service"]),
        resource_id=point["resource_id"],
        metric=point["name"],
        is_old_name=point["is_old_name"],
        is_error=point["is_error"],
        begin_unix_ns=min(begin_unix_ns, point["time_unix_ns"]),
        end_unix_ns=point["time_unix_ns"],
        histogram=added,
        exemplar=trace.hex() if trace else "",
    )


def histogram_of(point: Mapping[str, Any]) -> Histogram:
    """Return the counts of a row of READ."""
    told = point["bucket_counts"]
    zeros = 0
    if point["scale"] is not None:
        shape: tuple[float, ...] | int = point["scale"]
        offset, zeros = point["bucket_offset"], point["zero_count"]
    elif len(told) > 1:
        shape, offset = tuple(point["bounds"]), 0
    else:
        # without bounds there is one bucket
        shape, offset, told = (), 0, [point["count"]]
    return Histogram(
        shape=shape,
        unit_ms=MS_PER_UNIT[point["unit"]],
        counts={offset + index: count for index, count in enumerate(told) if count},
        zero_count=zeros,
        sum=point["sum"],
        largest=point["max"],
    )
