"""What services say of themselves by histograms: how many requests, how slow, how many failed.

Of those that send no spans this is all that is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final

import polars as pl

from analysis.cardinality import Caps, folded
from analysis.histograms import Histogram, added_up, quantile_ms
from analysis.increments import READ, Increment, Streams
from analysis.panes import CAPS
from analysis.slices import TelemetrySlice
from knowledge.identity import ServiceKey
from knowledge.schemas import METERED

INTERVAL_S_MAX: Final = 300.0
"""What took five minutes to be told says nothing of now: SDKs export once a minute."""
INTERVALS: Final = 1.5
"""How many of its own intervals an increment counts for: until the next one, however late."""
POINTS_MAX: Final = 10_000
"""Of one look; of more, each service has its share, the oldest first. Each costs some 40 us, and
100,000 streams that are told of once a minute are 8,333 points in five seconds."""
INCREMENTS_MAX: Final = 20_000
"""That are held; of more, the newest. Each look goes through them all, at some 10 us each. A
process has one a minute for its successes and one for its failures: enough for 5,000 of them."""
EXEMPLAR_COUNT: Final = 3
_QUANTILE: Final = 0.99
_ROUND: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """The streams, and what they added lately; a value, replaced by each step."""

    streams: Streams = field(default_factory=Streams)
    increments: tuple[Increment, ...] = ()

    def advance(
        self, metrics: TelemetrySlice | None, *, window_s: float, caps: Caps = CAPS
    ) -> tuple["Metered", pl.DataFrame]:
        """Take new points in; return the table METERED as of the end of the slice."""
        if metrics is None:
            return self, table_of(self.increments, caps)
        rows = metrics.frame(READ).filter(pl.col("stream_id").is_not_null())
        if rows.is_empty() and not self.increments:
            return self, table_of(())
        texts = pl.col("namespace", "service").cast(pl.String)
        order = ("time_unix_ns", "stream_id")
        points = rows.with_columns(texts).sort(order, maintain_order=True)
        points = _fair(points).sort(order, maintain_order=True)
        end = metrics.end_unix_ns
        streams, added = self.streams.advance(points.iter_rows(named=True), now_unix_ns=end)
        fresh = [
            one
            for one in (*self.increments, *_merged(added))
            if end - one.end_unix_ns < max(window_s * 1e9, INTERVALS * _length_ns(one))
        ]
        kept = tuple(sorted(fresh, key=lambda one: one.end_unix_ns)[-INCREMENTS_MAX:])
        streams = streams.losing(rows.height - points.height + len(fresh) - len(kept))
        return replace(self, streams=streams, increments=kept), table_of(kept, caps)


def _fair(points: pl.DataFrame) -> pl.DataFrame:
    """At most POINTS_MAX: one of each service, then a second of each, and so on."""
    if points.height <= POINTS_MAX:
        return points
    turn = pl.int_range(pl.len()).over("namespace", "service")
    return points.sort(turn, maintain_order=True).head(POINTS_MAX)


def _length_ns(increment: Increment) -> int:
    return increment.end_unix_ns - increment.begin_unix_ns


def _merged(increments: Sequence[Increment]) -> list[Increment]:
    """What one process counted in one interval, whatever its routes: rows to be looked at again."""
    groups: dict[tuple[Any, ...], list[Increment]] = {}
    for one in increments:
        if _length_ns(one) > INTERVAL_S_MAX * 1e9:
            continue
        key = (one.service, one.resource_id, one.metric, one.is_old_name, one.is_error)
        groups.setdefault((*key, one.begin_unix_ns, one.end_unix_ns), []).append(one)
    return [
        replace(group[0], histogram=histogram, exemplar=_first_exemplar(group))
        for group in groups.values()
        for histogram in added_up(one.histogram for one in group)
    ]


def _first_exemplar(group: Sequence[Increment]) -> str:
    return next((one.exemplar for one in group if one.exemplar), "")


def table_of(increments: Sequence[Increment], caps: Caps = CAPS) -> pl.DataFrame:
    """Return one row a service, in the schema METERED; services beyond the caps share one."""
    own: dict[ServiceKey, list[Increment]] = {}
    for one in _under_one_name(increments):
        own.setdefault(one.service, []).append(one)
    by_service: dict[ServiceKey, list[Increment]] = {}
    for service, name in zip(own, _folded(own, caps), strict=True):
        by_service.setdefault(name, []).extend(own[service])
    rows = [
        row
        for service, found in sorted(by_service.items())
        if (row := _row(service, found)) is not None
    ]
    empty = pl.from_arrow(METERED.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return pl.DataFrame(rows, schema=empty.schema, orient="row")


def _folded(own: Mapping[ServiceKey, Sequence[Increment]], caps: Caps) -> Iterable[ServiceKey]:
    """Return the names that services go by, in their order: their own, or that of all others."""
    counts = [sum(one.histogram.count for one in found) for found in own.values()]
    named = {
        "namespace": [service.namespace for service in own],
        "service": [service.name for service in own],
        "name": [""] * len(own),
        "span_count": counts,
    }
    schema = {"namespace": pl.String, "service": pl.String, "name": pl.String}
    found, _ = folded(pl.DataFrame(named, schema={**schema, "span_count": pl.Int64}), caps)
    for namespace, service in found.select("namespace", "service").iter_rows():
        yield ServiceKey(namespace=namespace, name=service)


def _under_one_name(increments: Sequence[Increment]) -> list[Increment]:
    """Without the old name of what is told under both: it would count twice."""
    new = {(one.resource_id, one.metric) for one in increments if not one.is_old_name}
    return [
        one for one in increments if not one.is_old_name or (one.resource_id, one.metric) not in new
    ]


def _row(service: ServiceKey, found: Sequence[Increment]) -> tuple[Any, ...] | None:
    histograms = added_up(one.histogram for one in found)
    count = sum(histogram.count for histogram in histograms)
    p99 = quantile_ms(histograms, _QUANTILE)
    if p99 is None:
        return None
    errors = sum(one.histogram.count for one in found if one.is_error)
    rate, covered_s = _rate(found)
    slowest = sorted(found, key=lambda one: (not one.is_error, -one.end_unix_ns))
    exemplars = dict.fromkeys(one.exemplar for one in slowest if one.exemplar)
    return (
        service.namespace,
        service.name,
        min(one.metric for one in found),
        count,
        errors,
        errors / count,
        rate,
        covered_s,
        _mean_ms(histograms, count),
        *p99,
        list(exemplars)[:EXEMPLAR_COUNT],
    )


def _rate(found: Sequence[Increment]) -> tuple[float, float]:
    """Requests per second of all processes, each over the time that it tells of; and the longest.

    Not per second of the window: what is told once a minute does not end with the window.
    """
    counts: dict[int, int] = {}
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for one in found:
        process = one.resource_id
        counts[process] = counts.get(process, 0) + one.histogram.count
        begins[process] = min(begins.get(process, one.begin_unix_ns), one.begin_unix_ns)
        ends[process] = max(ends.get(process, one.end_unix_ns), one.end_unix_ns)
    covered_s = {process: (ends[process] - begins[process]) / 1e9 for process in counts}
    rates = (counts[p] / covered_s[p] for p in sorted(counts) if covered_s[p])
    return sum(rates), max(covered_s.values())


def _mean_ms(histograms: Sequence[Histogram], count: int) -> float | None:
    sums = [one.sum * one.unit_ms for one in histograms if one.sum is not None]
    mean_ms = sum(sums) / count
    is_told = len(sums) == len(histograms) and isfinite(mean_ms) and mean_ms >= 0
    return round(mean_ms, _ROUND) if is_told else None
