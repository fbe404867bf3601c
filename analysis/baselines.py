"""What is normal: the last healthy values of each series, summed up by median and MAD.

A baseline learns only while nothing is wrong anywhere, so an issue can never become its own normal.
The median with the median absolute deviation stands half of its values being wrong (Rousseeuw and
Croux, JASA 88, 1993).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from statistics import median
from typing import Final

import polars as pl

from knowledge.identity import ServiceKey
from knowledge.windows import WindowTables

SeriesKey = tuple[str, ...]
MAD_TO_SIGMA: Final = 1.4826
"""Makes the MAD of a normal distribution its standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Centre and spread of a series when all was well, of `count` values."""

    median: float
    sigma: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """The last values of each series; replaced, never changed."""

    series: Mapping[SeriesKey, tuple[float, ...]] = field(default_factory=dict)

    def get(self, key: SeriesKey, *, count_min: int) -> Baseline | None:
        """The baseline of a series, or None while it has too few values."""
        values = self.series.get(key, ())
        if len(values) < count_min:
            return None
        centre = median(values)
        spread = median(abs(value - centre) for value in values)
        return Baseline(median=centre, sigma=MAD_TO_SIGMA * spread, count=len(values))

    def learn(
        self,
        values: Iterable[tuple[SeriesKey, float]],
        *,
        count_max: int,
        series_max: int = 500_000,
    ) -> "Baselines":
        """Return these baselines with one more value for each series that is named.

        Of more than `series_max` series those that nothing was learned of for longest are let go.
        """
        series = dict(self.series)
        for key, value in values:
            series[key] = (*series.pop(key, ()), value)[-count_max:]  # to the end: heard of last
        for key in list(islice(series, max(0, len(series) - series_max))):
            del series[key]
        return Baselines(series=series)


def latency_key(service: ServiceKey, operation: str) -> SeriesKey:
    """The p99 of an operation; "" is the service as a whole."""
    return ("latency_ms_p99", service.namespace, service.name, operation)


def arrival_key(service: ServiceKey) -> SeriesKey:
    """Requests a second of a service."""
    return ("arrival_per_s", service.namespace, service.name)


def tail_key(entry: ServiceKey, service: ServiceKey) -> SeriesKey:
    """The milliseconds that a slow request of `entry` spends in `service`."""
    return ("tail_ms", entry.namespace, entry.name, service.namespace, service.name)


def failed_key(entry: ServiceKey, service: ServiceKey) -> SeriesKey:
    """The share of requests of `entry` that fail because of `service`."""
    return ("failed_ratio", entry.namespace, entry.name, service.namespace, service.name)


def entry_key(service: ServiceKey, request: str) -> SeriesKey:
    """The milliseconds that single requests of a kind took."""
    return ("entry_ms", service.namespace, service.name, request)


def readings(
    tables: WindowTables, sick: frozenset[ServiceKey], *, quantile_count_min: int
) -> list[tuple[SeriesKey, float]]:
    """All values of a window that baselines learn from; none of services that are `sick`."""
    found: list[tuple[SeriesKey, float]] = []
    enough = pl.col("span_count") >= quantile_count_min
    for row in tables.operations.filter(enough).iter_rows(named=True):
        service = ServiceKey(namespace=row["namespace"], name=row["service"])
        if service not in sick:
            found.append((latency_key(service, row["operation"]), row["latency_ms_p99"]))
    entry_counts: dict[ServiceKey, int] = {}
    for row in tables.services.iter_rows(named=True):
        service = ServiceKey(namespace=row["namespace"], name=row["service"])
        entry_counts[service] = row["entry_count"] or 0
        if service in sick:
            continue
        found.append((arrival_key(service), row["arrival_per_s"]))
        if row["span_count"] >= quantile_count_min:
            found.append((latency_key(service, ""), row["latency_ms_p99"]))
    for row in tables.blame.iter_rows(named=True):
        entry = ServiceKey(namespace=row["entry_namespace"], name=row["entry"])
        service = ServiceKey(namespace=row["namespace"], name=row["service"])
        if entry in sick or entry_counts.get(entry, 0) < quantile_count_min:
            continue
        found.append((tail_key(entry, service), row["tail_ms_per_request"]))
        requests = max(1, entry_counts.get(entry, 0))
        found.append((failed_key(entry, service), row["failed_count"] / requests))
    return found


def entry_readings(
    tables: WindowTables, doubtful: frozenset[ServiceKey]
) -> list[tuple[SeriesKey, float]]:
    """The single requests that just left the window, but not those of services in doubt."""
    found: list[tuple[SeriesKey, float]] = []
    for row in tables.entries.iter_rows(named=True):
        service = ServiceKey(namespace=row["namespace"], name=row["service"])
        if service not in doubtful:
            key = entry_key(service, row["request"])
            found.extend((key, duration_ms) for duration_ms in row["passed_ms"])
    return found
