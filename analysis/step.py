"""One look at a window: symptoms, then issues with their causes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.baselines import Baselines, entry_readings, readings
from analysis.changes import Changes
from analysis.detectors import DETECTORS
from analysis.detectors.metered import detect_metered
from analysis.detectors.subjects import subjects_of
from analysis.gaps import unless_gap
from analysis.issues import Seen, follow
from analysis.settings import AnalysisSettings
from analysis.topology import Callees, workloads_of
from analysis.vitals import Vitals, look
from knowledge.cluster import ClusterReport
from knowledge.diagnosis import Diagnosis
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import FELT, Issue, Symptom
from knowledge.windows import WindowTables


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisState:
    """What one look leaves for the next."""

    first_data_unix_ns: int | None = None
    baselines: Baselines = field(default_factory=Baselines)
    workloads: Mapping[ServiceKey, WorkloadKey] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    vitals: Vitals = field(default_factory=Vitals)
    callees: Callees = field(default_factory=Callees)
    changes: Changes = field(default_factory=Changes)


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
    vitals, remembered = look(
        state.vitals, tables, cluster, workloads, settings, now_unix_ns=now_unix_ns
    )
    remembered = tuple(unless_gap(symptom, tables.gap) for symptom in remembered)
    requests = tuple(
        unless_gap(detect(found, state.baselines, settings), tables.gap)
        for found in subjects_of(tables)
        for detect in DETECTORS
    )
    metered = tuple(unless_gap(symptom, tables.gap) for symptom in detect_metered(tables, settings))
    symptoms = (*requests, *metered, *remembered)
    callees = state.callees.after(tables)
    changes = state.changes.after(tables, cluster, settings, now_unix_ns=now_unix_ns)
    seen = Seen(
        symptoms=symptoms,
        tables=tables,
        baselines=state.baselines,
        cluster=cluster,
        workloads=workloads,
        callees=callees,
        changes=changes,
        changing=changing,
        diagnoses={d.question.issue_id: d for d in diagnoses},
        now_unix_ns=now_unix_ns,
    )
    issues = follow(state.issues, seen, settings)
    is_full = first is not None and tables.start_unix_ns >= first - int(settings.pane_s * 1e9)
    baselines = state.baselines
    if is_full and tables.gap is None and not any(_is_felt(issue) for issue in issues):
        sick = frozenset(s.service for s in symptoms if s.health == "unhealthy" and s.kind in FELT)
        values = [
            *readings(tables, sick, quantile_count_min=settings.quantile_count_min),
            *entry_readings(tables, frozenset(s.service for s in requests if _is_doubtful(s))),
        ]
        baselines = baselines.learn(
            values, count_max=settings.baseline_count_max, series_max=settings.series_count_max
        )
    after = AnalysisState(
        first_data_unix_ns=first,
        baselines=baselines,
        workloads=workloads,
        issues=issues,
        vitals=vitals,
        callees=callees,
        changes=changes,
    )
    is_warm = any(len(v) >= settings.baseline_count_min for v in baselines.series.values())
    return after, AnalysisOutput(symptoms=symptoms, issues=issues, is_warm=is_warm)


def _is_doubtful(symptom: Symptom) -> bool:
    """Whether there is something to it, though perhaps not enough to say that it is unhealthy."""
    is_between = symptom.health == "unknown" and symptom.value is not None
    return is_between or symptom.health == "unhealthy"


def _is_felt(issue: Issue) -> bool:
    """Whether an open issue is one that must not become what is usual."""
    return issue.state != "resolved" and any(s.kind in FELT for s in issue.symptoms)
