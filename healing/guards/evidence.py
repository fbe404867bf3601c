"""Is it surely this, and is it more than a sender of telemetry could make us believe?"""

from typing import Final

from healing.guards.asked import Asked, Guard
from healing.guards.corroboration import corroboration
from knowledge.identity import ServiceKey
from knowledge.issues import EXPLAINS_MIN, FELT, Issue, SymptomKind
from knowledge.windows import WindowTables

CONFIDENCE_MIN: Final = 0.4
_USERS: Final[frozenset[SymptomKind]] = frozenset({"HighLatency", "HighErrorRate"})


def _issue(asked: Asked) -> Issue | None:
    return asked.situation.issue(asked.plan.issue_id)


def still_firing(asked: Asked) -> str | None:
    """What went away by itself needs no cure."""
    issue = _issue(asked)
    if issue is None:
        return "the issue is gone"
    if issue.healthy_since_unix_ns is not None:
        return "the issue's service is well again"
    if issue.state != "firing":
        return f"the issue is {issue.state}"
    seen = [s for s in asked.situation.symptoms if s.service == issue.service]
    if not any(symptom.health == "unhealthy" for symptom in seen):
        return f"nothing that is seen of {issue.service} now is unhealthy"
    return None


def clear_cause(asked: Asked) -> str | None:
    """One cause explains most of it, and no runner-up comes close."""
    issue = _issue(asked)
    if issue is None or not issue.causes:
        return "no cause in view"
    cause = issue.causes[0]
    if issue.finding != "cause":
        return issue.finding
    if _is_by_histograms_only(issue, asked.situation.tables):
        return f"{issue.service} is known by its histograms only: they tell of no cause"
    if cause.service != asked.plan.cause:
        return f"the cause is now held to be {cause.service}, not {asked.plan.cause}"
    if cause.explains_ratio < EXPLAINS_MIN or cause.confidence < CONFIDENCE_MIN:
        return (
            f"{cause.service} explains {cause.explains_ratio:.0%} "
            f"with confidence {cause.confidence:.0%}"
        )
    return None


def _is_by_histograms_only(issue: Issue, tables: WindowTables) -> bool:
    """Whether what users feel at the issue's service is told by its histograms, and by no span."""
    key = (issue.service.namespace, issue.service.name)
    told, spans = (
        frame.select("namespace", "service") for frame in (tables.metered, tables.services)
    )
    is_felt = any(s.service == issue.service and s.kind in _USERS for s in issue.symptoms)
    return is_felt and key in told.iter_rows() and key not in spans.iter_rows()


def hard_evidence(asked: Asked) -> str | None:
    """At least two facts, at least one of which no sender of telemetry can forge.

    A roll-back needs two of those: the change itself, and something that speaks against it. What
    senders say together is heard here and now, never taken over from a plan.
    """
    agreed = corroboration(asked.situation.tables, asked.plan.cause, asked.situation.symptoms)
    facts = (*asked.plan.facts, *((agreed,) if agreed else ()))
    hard = [f for f in facts if f.source in {"api", "probe"} or f is agreed]
    needed = 2 if asked.change.kind == "roll_back_release" else 1
    if len(hard) >= needed and any(fact.source == "telemetry" for fact in facts):
        return None
    return (
        f"{len(hard)} of {needed} facts needed come from the cluster, from a probe, or from two "
        "senders that were authenticated apart and both find it sick"
    )


def not_cut_off(asked: Asked) -> str | None:
    """Silence and failed probes may have one cause: that nothing comes through between it and us.

    A network policy does that. So where nothing is heard of the cause, what only our own probes
    find needs the API's word too, or somebody who feels it.
    """
    issue = _issue(asked)
    if issue is None or not issue.causes or issue.causes[0].kind != "down":
        return None
    places = {issue.service, *issue.affected} - {asked.plan.cause}
    is_felt = any(
        symptom.health == "unhealthy" and symptom.kind != "ServiceDown"
        for symptom in asked.situation.symptoms
        if symptom.service in places and symptom.kind in FELT
    )
    if is_felt or any(fact.source == "api" for fact in asked.plan.facts):
        return None
    return (
        f"{asked.plan.cause} is silent and fails our probes, but the API finds nothing wrong with "
        "it and nobody feels it: we may be cut off from it"
    )


def no_storm(asked: Asked) -> str | None:
    """Many sick services have one cause, and it is treated once: the others are its victims."""
    services = {symptom.service for symptom in asked.situation.symptoms}
    sick = {s.service for s in asked.situation.symptoms if s.health == "unhealthy"}
    limit = asked.settings
    if len(services) < limit.storm_count_min or len(sick) <= limit.storm_ratio * len(services):
        return None
    storm = f"{len(sick)} of {len(services)} services are sick"
    if clear_cause(asked) is not None:
        return f"{storm} without one cause"
    others = {
        issue.causes[0].service
        for issue in asked.situation.issues
        if issue.state == "firing" and issue.finding == "cause"
    } - {asked.plan.cause}
    if others:
        return f"{storm}, and {_names(others)} may be the cause as well"
    # what was done before any of this began was for another trouble
    began = min(
        (i.opened_unix_ns for i in asked.situation.issues if i.state == "firing"), default=0
    )
    since = max(began, asked.since(limit.storm_s))
    spent = asked.ledger.spent(since_unix_ns=since, but=asked.intent_id)
    if spent:
        return f"{storm}, and {spent[-1].intent.change.target} was treated for it already"
    return None


def _names(services: set[ServiceKey]) -> str:
    return ", ".join(map(str, sorted(services)))


EVIDENCE: Final[tuple[Guard, ...]] = (
    still_firing,
    no_storm,
    clear_cause,
    hard_evidence,
    not_cut_off,
)
