"""One look at a window: symptoms, then issues with their causes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from analysis.baselines import Baselines, entry_readings, readings
from analysis.classify import classify, severity_of
from analysis.detectors import DETECTORS
from analysis.detectors.subjects import subjects_of
from analysis.gaps import unless_gap
from analysis.lifecycle import advance, health_of, open_issue
from analysis.root_cause import rank_causes
from analysis.second_opinion import surer
from analysis.settings import AnalysisSettings
from analysis.topology import workloads_of
from knowledge.cluster import ClusterReport
from knowledge.diagnosis import Diagnosis
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Health, Issue, Symptom
from knowledge.windows import WindowTables


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisState:
    """What one look leaves for the next."""

    first_data_unix_ns: int | None = None
    baselines: Baselines = field(default_factory=Baselines)
    workloads: Mapping[ServiceKey, WorkloadKey] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOutput:
    """Symptoms of all services, and the issues: open ones, and resolved ones for a while."""

    symptoms: tuple[Symptom, ...]
    issues: tuple[Issue, ...]
    is_warm: bool


def step(
    state: AnalysisState,
    tables: WindowTables,
    cluster: ClusterReport | None,
    changing: frozenset[WorkloadKey],
    diagnoses: tuple[Diagnosis, ...] = (),
    *,
    settings: AnalysisSettings,
    now_unix_ns: int,
) -> tuple[AnalysisState, AnalysisOutput]:
    """Look once. `changing`: workloads that a change of our own is still settling in.

    `diagnoses`: of issues that were open before, from all that is remembered.
    """
    first = state.first_data_unix_ns
    if first is None and tables.services.height:
        first = tables.end_unix_ns
    workloads = workloads_of(tables, cluster, state.workloads)
    symptoms = tuple(
        unless_gap(detect(found, state.baselines, settings), tables.gap)
        for found in subjects_of(tables)
        for detect in DETECTORS
    )
    seen = _Seen(
        tables=tables,
        cluster=cluster,
        workloads=workloads,
        changing=changing,
        diagnoses={d.question.issue_id: d for d in diagnoses},
    )
    issues = _issues(state, symptoms, seen, settings=settings, now_unix_ns=now_unix_ns)
    is_full = first is not None and tables.start_unix_ns >= first - int(settings.pane_s * 1e9)
    baselines = state.baselines
    if is_full and tables.gap is None and not any(issue.state != "resolved" for issue in issues):
        sick = frozenset(s.service for s in symptoms if s.health == "unhealthy")
        values = [
            *readings(tables, sick, quantile_count_min=settings.quantile_count_min),
            *entry_readings(tables, frozenset(s.service for s in symptoms if _is_doubtful(s))),
        ]
        baselines = baselines.learn(values, count_max=settings.baseline_count_max)
    after = AnalysisState(
        first_data_unix_ns=first, baselines=baselines, workloads=workloads, issues=issues
    )
    is_warm = any(len(v) >= settings.baseline_count_min for v in baselines.series.values())
    return after, AnalysisOutput(symptoms=symptoms, issues=issues, is_warm=is_warm)


def _is_doubtful(symptom: Symptom) -> bool:
    """Whether there is something to it, though perhaps not enough to say that it is unhealthy."""
    is_between = symptom.health == "unknown" and symptom.value is not None
    return is_between or symptom.health == "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    tables: WindowTables
    cluster: ClusterReport | None
    workloads: dict[ServiceKey, WorkloadKey]
    changing: frozenset[WorkloadKey]
    diagnoses: Mapping[str, Diagnosis]


def _issues(
    state: AnalysisState,
    symptoms: tuple[Symptom, ...],
    seen: _Seen,
    *,
    settings: AnalysisSettings,
    now_unix_ns: int,
) -> tuple[Issue, ...]:
    by_service: dict[ServiceKey, tuple[Symptom, ...]] = {}
    for symptom in symptoms:
        by_service[symptom.service] = (*by_service.get(symptom.service, ()), symptom)
    issues = list(state.issues)
    is_open = {issue.service for issue in issues if issue.state != "resolved"}
    for service, own in by_service.items():
        if service not in is_open and own[0].is_entry and health_of(own) == "unhealthy":
            issues.append(open_issue(service, own, now_unix_ns=now_unix_ns))
    result = []
    for issue in issues:
        own = by_service.get(issue.service, ())
        health = _health_now(issue, own)
        if issue.state != "resolved" and health == "unhealthy":
            issue = _explained(issue, own, state, seen, settings)  # noqa: PLW2901 - one story
        is_ours = bool(issue.causes) and issue.causes[0].workload in seen.changing
        after = advance(
            issue, health, may_fire=not is_ours, settings=settings, now_unix_ns=now_unix_ns
        )
        if after is not None:
            result.append(after)
    return tuple(result)


def _health_now(issue: Issue, own: tuple[Symptom, ...]) -> Health:
    """Unhealthy if anything is; well only if all that the issue is about is known to be well."""
    health = health_of(own)
    kinds = {symptom.kind for symptom in issue.symptoms}
    if health == "healthy" and any(s.health == "unknown" for s in own if s.kind in kinds):
        return "unknown"
    return health


def _explained(
    issue: Issue,
    own: tuple[Symptom, ...],
    state: AnalysisState,
    seen: _Seen,
    settings: AnalysisSettings,
) -> Issue:
    """The issue with its present symptoms, causes, kind and severity."""
    sick = tuple(symptom for symptom in own if symptom.health == "unhealthy")
    blamed = rank_causes(
        issue.service,
        frozenset(symptom.kind for symptom in sick),
        seen.tables,
        state.baselines,
        seen.workloads,
        settings,
    )
    finding, causes = surer(blamed, seen.diagnoses.get(issue.id), seen.workloads)
    return replace(
        issue,
        symptoms=sick,
        finding=finding,
        causes=causes,
        severity=severity_of(sick),
        kind=classify(
            sick, causes, seen.cluster, opened_unix_ns=issue.opened_unix_ns, settings=settings
        ),
    )
