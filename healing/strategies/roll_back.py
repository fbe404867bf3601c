"""Roll back a release: sickness began after it, and its pods are the sick ones.

A rollout alone is not an illness: besides the change itself, which the API knows, a probe of our
own or pods that do not get ready must speak against the new release and not against the old one.
"""

from collections.abc import Iterable
from typing import Final

from healing.settings import HealingSettings
from healing.strategies.proposal import Case, NotThis, Proposal
from knowledge.cluster import Pod, Revision, RollBackRelease
from knowledge.plans import Fact

FAILED_RATIO_MIN: Final = 0.02
"""Two failures in a hundred requests: pods of one good release do not differ by so much."""


def propose_roll_back(case: Case, settings: HealingSettings) -> Proposal | NotThis:
    """Propose the release before the current one, where the current one brought the trouble."""
    current = case.workload.current_revision()
    previous = case.workload.previous_revision(condemned=case.condemned)
    if current is None or previous is None:
        return _not_this("the cluster knows no release to go back to")
    age_s = (case.situation.now_unix_ns - current.created_unix_ns) / 1e9
    if age_s > settings.release_age_s_max:
        return _not_this("no recent release")
    if case.issue.opened_unix_ns < current.created_unix_ns:
        return _not_this(f"the issue is older than release {current.version}")
    pods = case.cluster.pods_of(case.workload.key)
    new = [pod for pod in pods if pod.revision == current.number]
    old = [pod for pod in pods if pod.revision != current.number]
    worse = _worse_in_telemetry(case, new, old, settings)
    if worse is None:
        return _not_this(f"pods of release {current.version} do no worse than the others")
    against = _against(new, old)
    if against is None:
        return _not_this(f"telemetry alone speaks against release {current.version}: no probe does")
    key = case.workload.key
    return Proposal(
        change=RollBackRelease(
            target=key, revision=previous.number, revision_before=current.number
        ),
        undo=RollBackRelease(target=key, revision=current.number, revision_before=previous.number),
        facts=(Fact(source="telemetry", text=worse), _release_fact(current, age_s), against),
        expected=f"{key} on release {previous.version} serves as before",
        settling_s=settings.starting_s,
        cost=f"{case.workload.replicas} pods start anew, {current.version} is withdrawn",
    )


def _not_this(reason: str) -> NotThis:
    return NotThis(strategy="roll_back_release", reason=reason)


def _release_fact(current: Revision, age_s: float) -> Fact:
    return Fact(source="api", text=f"release {current.version} is {age_s:,.0f} s old")


def _against(new: Iterable[Pod], old: Iterable[Pod]) -> Fact | None:
    """What no sender of telemetry can forge, against the new pods only."""
    new, old = list(new), list(old)
    failed = [pod for pod in new if pod.probe == "failed"]
    if 2 * len(failed) >= len(new) > 0 and not any(pod.probe == "failed" for pod in old):
        return Fact(source="probe", text=f"{len(failed)} of {len(new)} new pods fail our probe")
    crashing = [pod for pod in new if pod.restart_count and not pod.ready]
    restarts = sum(pod.restart_count for pod in crashing)  # one alone is what happens
    if restarts > 1 and 2 * len(crashing) >= len(new) > 0 and all(pod.ready for pod in old):
        return Fact(source="api", text=f"{len(crashing)} of {len(new)} new pods do not stay up")
    return None


def _worse_in_telemetry(
    case: Case, new: list[Pod], old: list[Pod], settings: HealingSettings
) -> str | None:
    """How the new pods do beside the old ones, or beside the time before there were new ones."""
    new_failed, new_count, new_ms = _figures(case, {pod.uid for pod in new})
    old_failed, old_count, old_ms = _figures(case, {pod.uid for pod in old})
    if new_count < settings.release_count_min:
        return None
    new_ratio = new_failed / new_count
    if not old:
        if case.cause.kind == "slow":
            return f"it became slow after the release: {new_ms:,.0f} ms on average"
        is_failing = new_ratio > FAILED_RATIO_MIN
        return f"after the release {new_ratio:.0%} of its requests fail" if is_failing else None
    if old_count < settings.release_count_min:
        return None
    old_ratio = old_failed / old_count
    if new_ratio > 2 * old_ratio and new_ratio - old_ratio > FAILED_RATIO_MIN:
        return f"{new_ratio:.0%} of requests fail on new pods, {old_ratio:.0%} on old ones"
    if new_ms > 2 * old_ms:
        return f"new pods take {new_ms:,.0f} ms on average, old ones {old_ms:,.0f} ms"
    return None


def _figures(case: Case, pod_uids: set[str]) -> tuple[int, int, float]:
    """(failures of their own, requests, mean latency in ms) of some pods."""
    failed, count, total_ms = 0, 0, 0.0
    for row in case.situation.tables.instances.iter_rows(named=True):
        if row["pod_uid"] in pod_uids:
            failed += row["own_error_count"]
            count += row["span_count"]
            total_ms += row["latency_ms_mean"] * row["span_count"]
    return failed, count, total_ms / count if count else 0.0
