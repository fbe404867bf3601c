"""What is handed to a person, and what that person should look at.

Some refusals end the treatment of an issue: doing more of the same would be harm. They hold until
the issue is over, or until a person lets it be treated again. An issue that nothing can be done
about for a while is shown as well, and tried on.
"""

from dataclasses import replace
from typing import Final

from healing.boosts import BOOST, issue_of
from healing.plan import LADDER_ENDS
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.state import HealingState
from knowledge.plans import Escalation, Refused

LOOK_AT: Final = {
    LADDER_ENDS: "the evidence of the issue: what was tried did not help",
    "target disruption": "why its pods fall ill again: logs, last release, limits",
    "breaker": "whether it is the cause at all: what was done to it did not help",
    "failed tries": "the reasons of the failed writes: rights, admission, another controller",
    "oscillation": "who else changes it, and whether our limits for it are too narrow",
    "stop rule": "the issue as a whole: several actions did not end it",
    "not missed": "whether it needs the room for good: its own replicas, limits, or an autoscaler",
    "undo": "the workload itself: what was done to it did not help and could not be taken back",
}
"""What a person should look at, by the guard whose word is final."""

BOOST_STAYS: Final = frozenset({"not missed", "failed tries", "oscillation"})
"""Why room that was added stays beyond its time, where a person should know."""


def escalated(
    state: HealingState,
    refused: tuple[Refused, ...],
    situation: Situation,
    settings: HealingSettings,
) -> HealingState:
    """Return the state with what a person must look at now, without what is over."""
    now = situation.now_unix_ns
    firing = {issue.id: issue for issue in situation.issues if issue.state == "firing"}
    kept = {
        e.issue_id: e
        for e in state.escalations
        if e.issue_id in firing or _is_boosted(e.issue_id, situation)
    }
    treated = {execution.approved.plan.issue_id for execution in state.in_flight}
    for issue_id, escalation in tuple(kept.items()):
        if not escalation.stops and issue_id in treated:
            del kept[issue_id]  # something can be done about it after all
    for refusal in refused:
        issue, known = firing.get(refusal.issue_id), kept.get(refusal.issue_id)
        if refusal.guard in BOOST_STAYS and _is_boosted(refusal.issue_id, situation) and not known:
            kept[refusal.issue_id] = _handed(refusal, now)
        if issue is None or (known is not None and known.stops):
            continue
        waited_s = (now - (issue.fired_unix_ns or now)) / 1e9
        if refusal.guard in LOOK_AT:
            kept[issue.id] = _handed(refusal, now)
        elif waited_s >= settings.escalate_s and refusal.guard not in {"mode", "approval"}:
            kept[issue.id] = Escalation(
                issue_id=issue.id,
                reason=f"{refusal.guard}: {refusal.reason}",
                look_at="the issue's causes and evidence: nothing that we can do fits them",
                stops=False,
                since_unix_ns=known.since_unix_ns if known else now,
            )
    return replace(state, escalations=tuple(kept.values()))


def _handed(refusal: Refused, now_unix_ns: int) -> Escalation:
    return Escalation(
        issue_id=refusal.issue_id,
        reason=refusal.reason,
        look_at=LOOK_AT[refusal.guard],
        stops=True,
        since_unix_ns=now_unix_ns,
    )


def _is_boosted(issue_id: str, situation: Situation) -> bool:
    """Whether it stands for a boost that is still there; where nothing can be seen, it may be."""
    if situation.cluster is None:
        return issue_id.startswith(BOOST)
    boosts = (workload.boost for workload in situation.cluster.workloads)
    return any(boost is not None and issue_of(boost) == issue_id for boost in boosts)
