"""From symptoms to issues: one for each cause, however many services feel it.

An issue begins where it is seen: at an entry whose users feel it, or at a service that is down, at
a limit, leaking, or named by a rule. Issues that turn out to have the same cause become one, so
fifty sick services behind one database are one issue. What users feel decides whether it is over;
where nobody feels anything, what was seen does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from analysis.baselines import Baselines
from analysis.changes import Changes
from analysis.classify import classify, severity_of
from analysis.lifecycle import advance, open_issue
from analysis.root_cause import rank_causes
from analysis.second_opinion import surer
from analysis.settings import AnalysisSettings
from analysis.topology import Callees
from knowledge.cluster import ClusterReport
from knowledge.diagnosis import Diagnosis
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import FELT, Cause, CauseKind, Finding, Health, Issue, Symptom, SymptomKind
from knowledge.windows import WindowTables

USERS: Final[frozenset[SymptomKind]] = frozenset({"HighLatency", "HighErrorRate"})
MEMORY_AT_LIMIT: Final = 0.9
AFFECTED_MAX: Final = 100
"""Services named in one issue; of more, these say enough."""
_KIND: Final[dict[SymptomKind, CauseKind]] = {
    "ServiceDown": "down",
    "HighResourceUsage": "short of resources",
    "MemoryLeak": "short of resources",
    "Custom": "named",
}
_DOWN_CONFIDENCE: Final = 0.9
"""Two witnesses agree; what brought it down may still lie elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that one look knows."""

    symptoms: tuple[Symptom, ...]
    tables: WindowTables
    baselines: Baselines
    cluster: ClusterReport | None
    workloads: Mapping[ServiceKey, WorkloadKey]
    callees: Callees
    changes: Changes
    changing: frozenset[WorkloadKey]
    diagnoses: Mapping[str, Diagnosis]
    now_unix_ns: int


Found = Mapping[ServiceKey, tuple[Symptom, ...]]


def follow(issues: tuple[Issue, ...], seen: Seen, settings: AnalysisSettings) -> tuple[Issue, ...]:
    """Return the issues after one more look."""
    found: dict[ServiceKey, tuple[Symptom, ...]] = {}
    for symptom in seen.symptoms:
        found[symptom.service] = (*found.get(symptom.service, ()), symptom)
    current = [*issues, *_opened(issues, found, seen)]
    explained = [
        _explained(issue, found, seen, settings) if issue.state != "resolved" else issue
        for issue in current
    ]
    result = []
    for issue in _one_per_cause(explained, seen):
        is_ours = bool(issue.causes) and issue.causes[0].workload in seen.changing
        after = advance(
            issue,
            _health(issue, found),
            may_fire=not is_ours,
            settings=settings,
            now_unix_ns=seen.now_unix_ns,
        )
        if after is not None:
            result.append(after)
    return tuple(result)


def places_of(issue: Issue) -> tuple[ServiceKey, ...]:
    """The services that an issue is seen at."""
    return (issue.service, *(service for service in issue.affected if service != issue.service))


def _opened(issues: tuple[Issue, ...], found: Found, seen: Seen) -> list[Issue]:
    """New issues for what is sick and belongs to none that is open."""
    active = [issue for issue in issues if issue.state != "resolved"]
    taken = {place for issue in active for place in places_of(issue)}
    roots = {root for issue in active if (root := _root(issue)) is not None}
    opened = []
    for service, own in found.items():
        sick = [s for s in own if s.health == "unhealthy"]
        is_felt = own[0].is_entry and any(s.kind in USERS for s in sick)
        is_named = service not in roots and any(_opens(s) for s in sick)
        if service not in taken and (is_felt or is_named):
            opened.append(open_issue(service, own, now_unix_ns=seen.now_unix_ns))
    return opened


def _opens(symptom: Symptom) -> bool:
    """Whether a symptom is one to open an issue; what only lingers below its limit is not."""
    if symptom.kind in {"HighResourceUsage", "MemoryLeak"}:
        return (symptom.value or 0.0) >= symptom.limit
    return symptom.kind not in USERS


def _root(issue: Issue) -> ServiceKey | None:
    """The service that an issue is about, where that is known."""
    is_known = issue.finding in {"cause", "felt by nobody"} and bool(issue.causes)
    return issue.causes[0].service if is_known else None


def _own(issue: Issue, found: Found) -> tuple[Symptom, ...]:
    """The symptoms that an issue is made of; its root's too, but for what users feel there."""
    places, root = places_of(issue), _root(issue)
    return tuple(
        symptom
        for service in dict.fromkeys((*places, *((root,) if root else ())))
        for symptom in found.get(service, ())
        if symptom.kind not in USERS or (service in places and symptom.is_entry)
    )


def _decisive(symptoms: tuple[Symptom, ...]) -> tuple[Symptom, ...]:
    """The symptoms that decide: what users feel before what callers feel before the rest."""
    for kinds in (USERS, FELT):
        felt = tuple(s for s in symptoms if s.kind in kinds)
        if felt:
            return felt
    return symptoms


def _health(issue: Issue, found: Found) -> Health:
    """Unhealthy if anything decisive is; well only if all that it is about is known to be well."""
    own = _own(issue, found)
    about = {(s.service, s.kind, s.rule) for s in _decisive(issue.symptoms)}
    kinds = {kind for _, kind, _ in about}
    deciding = USERS if kinds & USERS else kinds
    now = {(s.service, s.kind, s.rule): s.health for s in own}
    if any(s.health == "unhealthy" for s in own if s.kind in deciding):
        return "unhealthy"
    return "healthy" if all(now.get(key) == "healthy" for key in about) else "unknown"


def _explained(issue: Issue, found: Found, seen: Seen, settings: AnalysisSettings) -> Issue:
    """The issue with its present symptoms, causes, kind and severity; as it was while well."""
    sick = tuple(s for s in _own(issue, found) if s.health == "unhealthy")
    if not sick or (issue.state == "firing" and not _is_as_grave(issue, sick)):
        return issue
    finding, causes = _causes(issue, sick, seen, settings)
    places = tuple(dict.fromkeys((*places_of(issue), *(s.service for s in sick))))
    around = tuple(dict.fromkeys((*places, *(cause.service for cause in causes[:1]))))
    return replace(
        issue,
        symptoms=sick,
        finding=finding,
        causes=causes,
        affected=places[:AFFECTED_MAX],
        changes=seen.changes.concerning(around, seen.workloads),
        severity=severity_of(sick, settings),
        kind=classify(
            sick, causes, seen.cluster, opened_unix_ns=issue.opened_unix_ns, settings=settings
        ),
    )


def _is_as_grave(issue: Issue, sick: tuple[Symptom, ...]) -> bool:
    """Whether what is sick now still has what decides the issue: else it is on its way out."""
    return any(s.kind in USERS for s in sick) or not any(s.kind in USERS for s in issue.symptoms)


def _causes(
    issue: Issue, sick: tuple[Symptom, ...], seen: Seen, settings: AnalysisSettings
) -> tuple[Finding, tuple[Cause, ...]]:
    felt = [s.service for s in sick if s.kind in USERS]
    if not felt:
        return _named(sick, seen)
    entry = issue.service if issue.service in felt else felt[0]
    if not _is_in_spans(entry, seen.tables):
        # histograms do not tell who called whom, and the history would name whoever changed most
        return "no cause in view", ()
    blamed = rank_causes(
        entry,
        frozenset(s.kind for s in sick if s.service == entry and s.kind in USERS),
        seen.tables,
        seen.baselines,
        dict(seen.workloads),
        settings,
    )
    return surer(blamed, seen.diagnoses.get(issue.id), dict(seen.workloads))


def _is_in_spans(service: ServiceKey, tables: WindowTables) -> bool:
    """Whether spans tell of a service; else it is known by its histograms only."""
    key = (service.namespace, service.name)
    named = (
        tables.services.select("namespace", "service"),
        tables.blame.select("entry_namespace", "entry"),
    )
    return any(key in frame.iter_rows() for frame in named)


def _named(sick: tuple[Symptom, ...], seen: Seen) -> tuple[Finding, tuple[Cause, ...]]:
    """What is sick by itself is its own cause; a dead service whose callee is dead is not."""
    first = _decisive(sick)[0]
    down = frozenset(
        s.service for s in seen.symptoms if s.kind == "ServiceDown" and s.health == "unhealthy"
    )
    service = first.service
    if first.kind == "ServiceDown":
        service = seen.callees.deepest(service, down)
    cause = Cause(
        service=service,
        workload=seen.workloads.get(service),
        kind=_KIND[first.kind],
        explains_ratio=1.0,
        confidence=_DOWN_CONFIDENCE,
        arrival_ratio=None,
        evidence=tuple(line for s in sick if s.service == service for line in s.evidence),
    )
    is_full = first.kind == "MemoryLeak" and _memory_is_full(cause.workload, seen.cluster)
    return "cause" if first.kind in FELT or is_full else "felt by nobody", (cause,)


def _memory_is_full(workload: WorkloadKey | None, cluster: ClusterReport | None) -> bool:
    """Whether the cluster itself holds half of the pods to be at their memory limit."""
    pods = cluster.pods_of(workload) if cluster and workload else ()
    full = [pod for pod in pods if (pod.memory_ratio or 0.0) >= MEMORY_AT_LIMIT]
    return bool(pods) and 2 * len(full) >= len(pods)


def _one_per_cause(issues: list[Issue], seen: Seen) -> list[Issue]:
    """Issues of the same cause become the one that is felt most, of those the oldest."""
    groups: dict[ServiceKey, list[Issue]] = {}
    for issue in issues:
        root = _root(issue) if issue.state != "resolved" else None
        if root is not None:
            groups.setdefault(root, []).append(issue)
    changed: dict[str, Issue | None] = {}
    for group in groups.values():
        first, *rest = sorted(group, key=_standing)
        for other in rest:
            is_in_hand = other.causes[0].workload in seen.changing
            if other.state == "firing" and is_in_hand:
                continue  # its verdict is out: it ends by itself
            places = tuple(dict.fromkeys((*places_of(first), *places_of(other))))
            first = replace(
                first,
                affected=places[:AFFECTED_MAX],
                symptoms=tuple(dict.fromkeys((*first.symptoms, *other.symptoms))),
            )
            changed[first.id] = first
            changed[other.id] = (
                None
                if other.state == "pending"
                else replace(
                    other,
                    state="resolved",
                    resolved_unix_ns=seen.now_unix_ns,
                    reason=f"one with {first.id}: the same cause",
                )
            )
    kept = (changed.get(issue.id, issue) for issue in issues)
    return [issue for issue in kept if issue is not None]


def _standing(issue: Issue) -> tuple[bool, bool, int, str]:
    is_felt = any(s.kind in USERS for s in issue.symptoms)
    return not is_felt, issue.state != "firing", issue.opened_unix_ns, issue.id
