"""HighLatency and HighErrorRate of services that send no spans, by their own histograms.

Spans win where there are any: they tell more, and their p99 is exact. That of a histogram lies
between two values; where the limit lies there too, nothing is said. Nor is it where spans tell of
more services than are told apart: which of them send none is not known.
"""

from dataclasses import replace
from math import isfinite
from typing import Any

from analysis.cardinality import OTHER
from analysis.detectors.error_ratio import wilson_lower
from analysis.settings import AnalysisSettings
from knowledge.identity import ServiceKey
from knowledge.issues import Health, Symptom
from knowledge.windows import WindowTables


def detect_metered(tables: WindowTables, settings: AnalysisSettings) -> tuple[Symptom, ...]:
    """Return two symptoms for each service that is known by its histograms only."""
    seen = set(tables.services.select("namespace", "service").iter_rows())
    called = set(tables.edges.select("callee_namespace", "callee").iter_rows())
    is_folded = ("", OTHER) in seen
    found: list[Symptom] = []
    for row in tables.metered.iter_rows(named=True):
        key = (row["namespace"], row["service"])
        if key not in seen:
            is_entry = key not in called  # who calls it is out of our view, as users are
            own = (f(row, settings, is_entry=is_entry) for f in (_latency, _errors))
            found.extend(_unsaid(symptom) if is_folded else symptom for symptom in own)
    return tuple(found)


def _unsaid(symptom: Symptom) -> Symptom:
    text = "whether it sends spans is not known: more services do than are told apart"
    return replace(
        symptom,
        health="unknown",
        value=None,
        evidence=(f"{symptom.service}: {text} (analysis.service_count_max)",),
        exemplars=(),
    )


def _latency(row: dict[str, Any], settings: AnalysisSettings, *, is_entry: bool) -> Symptom:
    low, high, limit = (
        row["latency_ms_p99_low"],
        row["latency_ms_p99_high"],
        settings.latency_ms_max,
    )
    between = f"{low:,.0f} and {high:,.0f} ms" if isfinite(high) else f"{low:,.0f} ms and any time"
    text = (
        f"p99 between {between} of {row['request_count']} requests in {row['covered_s']:,.0f} s, "
        f"limit {limit:,.0f} ms"
    )
    health: Health = "unknown"
    if row["request_count"] < settings.quantile_count_min:
        text += f"; fewer than {settings.quantile_count_min} requests say nothing"
    elif low > limit:
        health = "unhealthy"
    elif high <= limit:
        health = "healthy"
    else:
        text += "; the limit lies between the bounds of its histogram"
    return Symptom(
        kind="HighLatency",
        service=_service(row),
        health=health,
        value=None if health == "unknown" else low if health == "unhealthy" else high,
        limit=limit,
        baseline=None,
        unit="ms",
        sample_count=row["request_count"],
        is_entry=is_entry,
        evidence=() if health == "healthy" else (_told(row, text),),
        exemplars=tuple(row["exemplars"]) if health == "unhealthy" else (),
    )


def _errors(row: dict[str, Any], settings: AnalysisSettings, *, is_entry: bool) -> Symptom:
    errors, count = row["error_count"], row["request_count"]
    limit = settings.error_ratio_max
    text = f"{errors} of {count} requests failed ({row['error_ratio']:.1%}), limit {limit:.0%}"
    health: Health = "unknown"
    if count >= settings.sample_count_min:
        health = "unhealthy" if wilson_lower(errors, count) > limit else "healthy"
    return Symptom(
        kind="HighErrorRate",
        service=_service(row),
        health=health,
        value=None if health == "unknown" else row["error_ratio"],
        limit=limit,
        baseline=None,
        unit="ratio",
        sample_count=count,
        is_entry=is_entry,
        evidence=(_told(row, text),) if health == "unhealthy" else (),
        exemplars=tuple(row["exemplars"]) if health == "unhealthy" else (),
    )


def _service(row: dict[str, Any]) -> ServiceKey:
    return ServiceKey(namespace=row["namespace"], name=row["service"])


def _told(row: dict[str, Any], text: str) -> str:
    return f"{_service(row)}: {text}; by its histogram {row['metric']}, it sends no spans"
