"""Whether taking a change back would do good: a plan that did not help may still do no harm.

The write's own guards ask the rest: permission, fresh facts, the state of the target.
"""

from healing.settings import HealingSettings
from healing.situation import Situation
from healing.usage import cpu_of
from knowledge.cluster import ClusterReport, RollBackRelease, Scale
from knowledge.plans import RecoveryPlan, Verdict


def is_undone(
    plan: RecoveryPlan, verdict: Verdict, situation: Situation, settings: HealingSettings
) -> bool:
    """Return whether `plan` is taken back after `verdict`."""
    cluster = situation.cluster
    if verdict.outcome not in {"unchanged", "worse"} or plan.undo is None or cluster is None:
        return False
    if plan.ends_boost:
        # it would add room again: where a person is to be asked, that is a plan of its own
        target, kind = plan.undo.target, plan.undo.kind
        return settings.mode_for(target.namespace, kind) == "auto"
    match plan.change:
        case Scale() as change if change.replicas > change.replicas_before:
            return _has_room(change, cluster, settings)
        case RollBackRelease() as change:
            return verdict.outcome == "worse" and _is_ill(change, cluster)
        case _:
            return True


def _has_room(change: Scale, cluster: ClusterReport, settings: HealingSettings) -> bool:
    """Fewer pods could do what these do; otherwise the room that was added is still needed."""
    usage = cpu_of(cluster, change.target)
    if usage is None or not change.replicas_before:
        return False
    return usage * change.replicas / change.replicas_before <= settings.scale_usage_min


def _is_ill(change: RollBackRelease, cluster: ClusterReport) -> bool:
    """The release that was gone back to fails our own probe: it is no better than the other."""
    pods = cluster.pods_of(change.target)
    return any(pod.probe == "failed" for pod in pods if pod.revision == change.revision)
