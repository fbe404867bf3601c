"""Restart: pods of a long-known release do not work any more, and the cluster can tell."""

from healing.settings import HealingSettings
from healing.strategies.proposal import Case, NotThis, Proposal
from healing.usage import cpu_of, full_pods
from knowledge.cluster import Pod, Restart
from knowledge.plans import Fact


def propose_restart(case: Case, settings: HealingSettings) -> Proposal | NotThis:
    """Propose a restart where the target's own pods are ill by more than telemetry's word."""
    current = case.workload.current_revision()
    if current is not None:
        age_s = (case.situation.now_unix_ns - current.created_unix_ns) / 1e9
        if age_s <= settings.release_age_s_max:
            return _not_this(f"release {current.version} is new: a restart would hide its fault")
    pods = case.cluster.pods_of(case.workload.key)
    if _is_overloaded(case, settings):
        return _not_this("it is overloaded: a restart would take room away")
    fact = _illness(pods, settings, now_unix_ns=case.situation.now_unix_ns)
    if fact is None:
        return _not_this("neither the cluster nor a probe finds enough of its pods ill")
    key = case.workload.key
    return Proposal(
        change=Restart(target=key),
        undo=None,
        facts=(
            Fact(source="telemetry", text=f"{case.cause.service} is {case.cause.kind}"),
            fact,
        ),
        expected=f"the pods of {key} work again after a fresh start",
        settling_s=settings.starting_s,
        cost=f"{case.workload.replicas} pods start anew, one after another",
    )


def _not_this(reason: str) -> NotThis:
    return NotThis(strategy="restart", reason=reason)


def _is_overloaded(case: Case, settings: HealingSettings) -> bool:
    usage = cpu_of(case.cluster, case.workload.key)
    is_busy = usage is not None and usage >= settings.scale_usage_min
    return is_busy and (case.cause.arrival_ratio or 0.0) >= settings.arrival_ratio_min


def _illness(pods: tuple[Pod, ...], settings: HealingSettings, *, now_unix_ns: int) -> Fact | None:
    """What the API or our probe finds wrong with most pods now; what they got over does not count.

    A pod out of memory long ago that works again is well, one that is only starting is not ill; one
    that was started again within the last minute has got over nothing yet. A lone pod that crashed
    once is what happens.
    """
    full = full_pods(pods)
    failed = {pod.uid for pod in pods if pod.probe == "failed"}
    born = now_unix_ns - int(settings.starting_s * 1e9)
    down = {
        pod.uid
        for pod in pods
        if not pod.ready and (pod.restart_count or pod.started_unix_ns < born)
    }
    again = {pod.uid for pod in pods if pod.restart_count and pod.started_unix_ns >= born} - down
    ill = full | failed | down | again
    if not pods or len(ill) < settings.ill_ratio_min * len(pods):
        return None
    if len(ill) == 1 and ill <= down | again and _crashed_once(pods, ill):
        return None
    counts = (
        (full, "at their memory limit"),
        (failed, "failing our probe"),
        (down, "not ready"),
        (again, "just restarted"),
    )
    found = ", ".join(f"{len(uids)} {what}" for uids, what in counts if uids)
    is_known = bool(full or down or again)
    return Fact(source="api" if is_known else "probe", text=f"of {len(pods)} pods {found}")


def _crashed_once(pods: tuple[Pod, ...], uids: frozenset[str]) -> bool:
    return all(pod.restart_count == 1 for pod in pods if pod.uid in uids)
