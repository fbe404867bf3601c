"""Which service would have to be normal for the users' trouble to go away.

The window's blame table says, per entry service, how its slow and its failed requests divide among
services; every millisecond and every failure belongs to exactly one. What a service has beyond its
own baseline is its part of the excess: the share that would go if that service alone were normal.
A caller that only waits or passes an error on has no excess of its own, however sick it looks.
"""

from dataclasses import replace
from typing import Final

from analysis.baselines import Baselines, arrival_key, failed_key, tail_key
from analysis.settings import AnalysisSettings
from analysis.topology import unanswered_ratio
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import EXPLAINS_MIN, Cause, CauseKind, Finding, SymptomKind
from knowledge.windows import WindowTables

MARGIN_MIN: Final = 0.2
"""A cause explains at least `EXPLAINS_MIN` of the excess, and this much more than its runner-up."""
CAUSE_COUNT_MAX: Final = 5
SIGMA_MIN: Final = 3.0
EXCESS_MS_MIN: Final = 5.0
"""Less than this, or than so many robust standard deviations, is not more than usual."""
_NOISE: Final = 0.05


def rank_causes(
    entry: ServiceKey,
    kinds: frozenset[SymptomKind],
    tables: WindowTables,
    baselines: Baselines,
    workloads: dict[ServiceKey, WorkloadKey],
    settings: AnalysisSettings,
) -> tuple[Finding, tuple[Cause, ...]]:
    """Rank what explains the unhealthy `kinds` of an entry service, best first."""
    shares: dict[SymptomKind, dict[ServiceKey, float]] = {}
    if "HighLatency" in kinds:
        shares["HighLatency"] = _latency_shares(entry, tables, baselines, settings)
    if "HighErrorRate" in kinds:
        shares["HighErrorRate"] = _error_shares(entry, tables, baselines, settings)
    explained: dict[ServiceKey, float] = {}
    for part in shares.values():
        for service, share in part.items():
            explained[service] = explained.get(service, 0.0) + share / len(shares)
    ranked = sorted(explained.items(), key=lambda item: (-item[1], item[0]))
    ranked = [(service, share) for service, share in ranked if share > _NOISE][:CAUSE_COUNT_MAX]
    causes = tuple(
        replace(
            _cause(service, share, ranked, shares, tables),
            workload=workloads.get(service),
            arrival_ratio=_arrival_ratio(service, tables, baselines, settings),
        )
        for service, share in ranked
    )
    return _finding(causes), causes


def _latency_shares(
    entry: ServiceKey, tables: WindowTables, baselines: Baselines, settings: AnalysisSettings
) -> dict[ServiceKey, float]:
    own = baselines.get(tail_key(entry, entry), count_min=settings.baseline_count_min)
    if own is None:
        return {}  # what is normal is not known yet, so neither is what is in excess
    excess = {}
    for service, row_ms, _ in _blame_rows(entry, tables):
        usual = baselines.get(tail_key(entry, service), count_min=1)
        more_ms = row_ms - (usual.median if usual else 0.0)
        noise_ms = max(EXCESS_MS_MIN, SIGMA_MIN * usual.sigma if usual else 0.0)
        excess[service] = more_ms if more_ms > noise_ms else 0.0
    return _normalised(excess)


def _error_shares(
    entry: ServiceKey, tables: WindowTables, baselines: Baselines, settings: AnalysisSettings
) -> dict[ServiceKey, float]:
    del settings  # failures need no warm baseline: without one, none is usual
    requests = _entry_count(entry, tables)
    excess = {}
    for service, _, failed in _blame_rows(entry, tables):
        usual = baselines.get(failed_key(entry, service), count_min=1)
        excess[service] = failed - (usual.median if usual else 0.0) * requests
    return _normalised(excess)


def _blame_rows(entry: ServiceKey, tables: WindowTables) -> list[tuple[ServiceKey, float, float]]:
    return [
        (
            ServiceKey(namespace=row["namespace"], name=row["service"]),
            row["tail_ms_per_request"],
            row["failed_count"],
        )
        for row in tables.blame.iter_rows(named=True)
        if (row["entry_namespace"], row["entry"]) == (entry.namespace, entry.name)
    ]


def _entry_count(entry: ServiceKey, tables: WindowTables) -> int:
    for row in tables.services.iter_rows(named=True):
        if (row["namespace"], row["service"]) == (entry.namespace, entry.name):
            return int(row["entry_count"] or 0)
    return 0


def _arrival_ratio(
    service: ServiceKey, tables: WindowTables, baselines: Baselines, settings: AnalysisSettings
) -> float | None:
    usual = baselines.get(arrival_key(service), count_min=settings.baseline_count_min)
    if usual is None or usual.median <= 0:
        return None
    for row in tables.services.iter_rows(named=True):
        if (row["namespace"], row["service"]) == (service.namespace, service.name):
            return float(row["arrival_per_s"]) / usual.median
    return 0.0


def _normalised(excess: dict[ServiceKey, float]) -> dict[ServiceKey, float]:
    """Excesses to shares of their whole; what got better instead does not count against others."""
    whole = sum(value for value in excess.values() if value > 0)
    if whole <= 0:
        return {}
    return {service: max(0.0, value) / whole for service, value in excess.items()}


def _cause(
    service: ServiceKey,
    share: float,
    ranked: list[tuple[ServiceKey, float]],
    shares: dict[SymptomKind, dict[ServiceKey, float]],
    tables: WindowTables,
) -> Cause:
    rival = max((other for name, other in ranked if name != service), default=0.0)
    slow = shares.get("HighLatency", {}).get(service, 0.0)
    failing = shares.get("HighErrorRate", {}).get(service, 0.0)
    kind: CauseKind = "failing" if failing >= slow else "slow"
    unanswered = unanswered_ratio(tables, service)
    if kind == "failing" and unanswered > 0.5:  # noqa: PLR2004 - most of its calls
        kind = "unreachable"
    evidence = []
    if "HighLatency" in shares:
        evidence.append(f"{slow:.0%} of the excess time of slow requests is {service}'s own")
    if "HighErrorRate" in shares:
        evidence.append(f"{failing:.0%} of the excess failures end at {service}")
    if kind == "unreachable":
        evidence.append(f"{unanswered:.0%} of the calls to {service} were never served")
    return Cause(
        service=service,
        workload=None,
        kind=kind,
        explains_ratio=share,
        arrival_ratio=None,
        confidence=max(0.0, share - 0.5 * min(rival, share)),
        evidence=tuple(evidence),
    )


def _finding(causes: tuple[Cause, ...]) -> Finding:
    if not causes or not causes[0].service.name:
        return "no cause in view"  # or it lies with a callee that nobody named
    runner_up = causes[1].explains_ratio if len(causes) > 1 else 0.0
    if causes[0].explains_ratio < EXPLAINS_MIN and len(causes) == 1:
        return "no cause in view"
    is_clear = causes[0].explains_ratio - runner_up >= MARGIN_MIN
    return "cause" if is_clear and causes[0].explains_ratio >= EXPLAINS_MIN else "several causes"
