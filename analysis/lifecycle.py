"""The life of an issue: pending, firing, resolved.

             unhealthy for hold_s            healthy for resolve_hold_s
    pending ----------------------> firing -----------------------------> resolved
       |  healthy once
       +------------------> forgotten

Unknown moves nothing: no data is neither an illness nor a recovery, until after lost_sight_s the
issue is closed, because nobody is left to feel it. A service is in at most one open issue.
"""

from dataclasses import replace

from analysis.settings import AnalysisSettings
from knowledge.identity import ServiceKey
from knowledge.issues import Health, Issue, Symptom


def health_of(symptoms: tuple[Symptom, ...]) -> Health:
    """One word for all symptoms of a service: unhealthy if any is, healthy only if known."""
    healths = {symptom.health for symptom in symptoms}
    if "unhealthy" in healths:
        return "unhealthy"
    return "healthy" if "healthy" in healths else "unknown"


def open_issue(service: ServiceKey, symptoms: tuple[Symptom, ...], *, now_unix_ns: int) -> Issue:
    """Return a new pending issue; who and why is filled in by the caller."""
    return Issue(
        id=f"issue-{service.namespace}-{service.name}-{now_unix_ns // 10**6}",
        kind="PerformanceDegradation",
        state="pending",
        severity="warning",
        service=service,
        opened_unix_ns=now_unix_ns,
        fired_unix_ns=None,
        resolved_unix_ns=None,
        healthy_since_unix_ns=None,
        seen_unix_ns=now_unix_ns,
        symptoms=symptoms,
        finding="no cause in view",
        causes=(),
    )


def advance(
    issue: Issue, health: Health, *, may_fire: bool, settings: AnalysisSettings, now_unix_ns: int
) -> Issue | None:
    """Return the issue after one more look at its service, None when it is forgotten.

    `may_fire` is false while the sickness is what a change of our own was expected to bring.
    """
    if issue.state == "resolved":
        kept_ns = int(settings.resolved_retention_s * 1e9)
        return issue if now_unix_ns - (issue.resolved_unix_ns or 0) < kept_ns else None
    if health == "unknown":
        lost_s = (now_unix_ns - issue.seen_unix_ns) / 1e9
        if lost_s < settings.lost_sight_s:
            return replace(issue, healthy_since_unix_ns=None)
        return replace(issue, state="resolved", resolved_unix_ns=now_unix_ns)
    issue = replace(issue, seen_unix_ns=now_unix_ns)
    if health == "unhealthy":
        issue = replace(issue, healthy_since_unix_ns=None)
        held_s = (now_unix_ns - issue.opened_unix_ns) / 1e9
        if issue.state == "pending" and held_s >= settings.hold_s and may_fire:
            return replace(issue, state="firing", fired_unix_ns=now_unix_ns)
        return issue
    if issue.state == "pending":
        return None
    since = issue.healthy_since_unix_ns or now_unix_ns
    if (now_unix_ns - since) / 1e9 >= settings.resolve_hold_s:
        return replace(
            issue, state="resolved", resolved_unix_ns=now_unix_ns, healthy_since_unix_ns=since
        )
    return replace(issue, healthy_since_unix_ns=since)
