"""Restart: pods of a long-known release do not work any more, and the cluster can tell."""

from healing.settings import HealingSettings
from healing.strategies.proposal import Case, NotThis, Proposal
from knowledge.cluster import Pod, Restart
from knowledge.plans import Fact

MEMORY_AT_LIMIT = 0.9


def propose_restart(case: Case, settings: HealingSettings) -> Proposal | NotThis:
    """Propose a restart where the target's own pods are ill by more than telemetry's word."""
    current = case.workload.current_revision()
    if current is not None:
        age_s = (case.situation.now_unix_ns - current.created_unix_ns) / 1e9
        if age_s <= settings.release_age_s_max:
            return _not_this(f"release {current.version} is new: a restart would hide its fault")
    pods = case.cluster.pods_of(case.workload.key)
    fact = _illness(pods)
    if fact is None:
        return _not_this("neither the cluster nor a probe finds anything wrong with its pods")
    key = case.workload.key
    return Proposal(
        change=Restart(target=key),
        undo=None,
        facts=(
            Fact(source="telemetry", text=f"{case.cause.service} is {case.cause.kind}"),
            fact,
        ),
        expected=f"the pods of {key} work again after a fresh start",
    )


def _not_this(reason: str) -> NotThis:
    return NotThis(strategy="restart", reason=reason)


def _illness(pods: tuple[Pod, ...]) -> Fact | None:
    """What the API or our probe finds wrong with the pods, gravest first."""
    total = len(pods)
    if killed := [pod for pod in pods if pod.oom_killed]:
        return Fact(source="api", text=f"{len(killed)} of {total} pods were killed out of memory")
    if full := [pod for pod in pods if (pod.memory_ratio or 0.0) >= MEMORY_AT_LIMIT]:
        return Fact(source="api", text=f"{len(full)} of {total} pods are at their memory limit")
    if failed := [pod for pod in pods if pod.probe == "failed"]:
        return Fact(source="probe", text=f"{len(failed)} of {total} pods fail our probe")
    if unready := [pod for pod in pods if not pod.ready]:
        return Fact(source="api", text=f"{len(unready)} of {total} pods are not ready")
    return None
