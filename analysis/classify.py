"""What sort of issue it is, and how grave, from its symptoms and what the cluster knows."""

from typing import Final

from analysis.settings import AnalysisSettings, Criticality
from knowledge.cluster import ClusterReport
from knowledge.issues import FELT, Cause, IssueKind, Severity, Symptom

USAGE_AT_LIMIT: Final = 0.9
CRITICAL_FACTOR: Final[dict[Criticality, float]] = {
    "critical": 1.0,
    "high": 2.0,
    "medium": 4.0,
    "low": 16.0,
}
"""A figure this many times beyond its limit is critical, by how critical the service is."""


def classify(
    symptoms: tuple[Symptom, ...],
    causes: tuple[Cause, ...],
    cluster: ClusterReport | None,
    *,
    opened_unix_ns: int,
    settings: AnalysisSettings,
) -> IssueKind:
    """Return the kind of an issue; without cluster facts it is told from the symptoms alone."""
    kinds = {symptom.kind for symptom in symptoms}
    has_errors = bool(kinds & {"HighErrorRate", "ServiceDown"})
    workload = causes[0].workload if causes else None
    found = cluster.workload(workload) if cluster and workload else None
    if cluster and found:
        release = found.current_revision()
        horizon = opened_unix_ns - int(settings.change_retention_s * 1e9)
        if release and release.created_unix_ns >= horizon:
            return "ConfigurationError"
        usage = [max(p.cpu_ratio or 0.0, p.memory_ratio or 0.0) for p in cluster.pods_of(found.key)]
        if usage and sum(usage) / len(usage) >= USAGE_AT_LIMIT:
            return "ResourceExhaustion"
    if not kinds & FELT and kinds & {"HighResourceUsage", "MemoryLeak"}:
        return "ResourceExhaustion"
    return "ServiceFailure" if has_errors else "PerformanceDegradation"


def severity_of(symptoms: tuple[Symptom, ...], settings: AnalysisSettings) -> Severity:
    """Critical when users feel it far beyond a limit, or a service that matters is down."""
    return "critical" if any(_is_critical(s, settings) for s in symptoms) else "warning"


def _is_critical(symptom: Symptom, settings: AnalysisSettings) -> bool:
    criticality = settings.criticality.get(str(symptom.service), "medium")
    if symptom.kind == "ServiceDown":
        return criticality != "low"
    if symptom.kind not in FELT:
        return False
    return (symptom.value or 0.0) / symptom.limit >= CRITICAL_FACTOR[criticality]
