"""What sort of issue it is, and how grave, from its symptoms and what the cluster knows."""

from typing import Final

from analysis.settings import AnalysisSettings
from knowledge.cluster import ClusterReport
from knowledge.issues import Cause, IssueKind, Severity, Symptom

USAGE_AT_LIMIT: Final = 0.9
CRITICAL_FACTOR: Final = 4.0
"""A figure this many times beyond its limit is critical."""


def classify(
    symptoms: tuple[Symptom, ...],
    causes: tuple[Cause, ...],
    cluster: ClusterReport | None,
    *,
    opened_unix_ns: int,
    settings: AnalysisSettings,
) -> IssueKind:
    """Return the kind of an issue; without cluster facts it is told from the symptoms alone."""
    has_errors = any(symptom.kind == "HighErrorRate" for symptom in symptoms)
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
    return "ServiceFailure" if has_errors else "PerformanceDegradation"


def severity_of(symptoms: tuple[Symptom, ...]) -> Severity:
    """Critical when any symptom is far beyond its limit."""
    worst = max(((s.value or 0.0) / s.limit for s in symptoms), default=0.0)
    return "critical" if worst >= CRITICAL_FACTOR else "warning"
