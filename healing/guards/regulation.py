"""The guards of regulation: whether an autoscaler's step may be made, though nothing is wrong.

No issue and no evidence is asked for here, as in a recovery; in its place there is an envelope that
a person fixed, a budget of its own, and the rule to keep still wherever somebody else is at work or
the eyes fail. Taking pods away needs the cluster's own word besides: telemetry that is missing in
part must not look like less to do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from healing.autoscalers import AutoscalerSettings
from healing.control.arbiter import Floor
from healing.guards.freshness import why_collapsed, why_quarantined, why_stale
from healing.guards.permission import why_maintained, why_not_opted_in, why_paused
from healing.guards.target import other_controller, why_untouchable
from healing.ledger import Ledger
from healing.settings import HealingSettings
from healing.situation import Situation
from healing.usage import cpu_with
from knowledge.cluster import Scale, Workload
from knowledge.identity import WorkloadKey
from knowledge.orders import Pause

HOUR_NS: Final = 3600 * 10**9
TRIES_NS: Final = 600 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that is about to be made. `in_hand`: the targets that a recovery is at work on.

    `intent_id` names the step's own entry in the ledger once it has one. `volumes`: (time, spans a
    window). `foreign_until_unix_ns`: until when somebody else's replicas are left alone.
    """

    change: Scale
    autoscaler: AutoscalerSettings
    situation: Situation
    settings: HealingSettings
    ledger: Ledger
    in_hand: frozenset[WorkloadKey]
    floors: tuple[Floor, ...]
    volumes: tuple[tuple[int, int], ...]
    foreign_until_unix_ns: int
    pauses: tuple[Pause, ...] = ()
    started_unix_ns: int = 0
    intent_id: str = ""

    @property
    def workload(self) -> Workload | None:
        """The target as the cluster reports it now."""
        cluster = self.situation.cluster
        return cluster.workload(self.change.target) if cluster else None

    @property
    def is_down(self) -> bool:
        """Whether pods are taken away."""
        return self.change.replicas < self.change.replicas_before


StepGuard = Callable[[Step], str | None]
"""Returns why the step must not be made, or None. Its name is the name that people read."""


def not_stopped(step: Step) -> str | None:
    """Nobody pulled the emergency stop."""
    return step.situation.stopped


def not_paused(step: Step) -> str | None:
    """Nobody paused this workload, its namespace, or all of it."""
    target, now = step.change.target, step.situation.now_unix_ns
    return why_paused(step.pauses, target.namespace, target.name, now_unix_ns=now)


def no_maintenance(step: Step) -> str | None:
    """No maintenance window is open: people are at work."""
    now = step.situation.now_unix_ns
    return why_maintained(step.settings, step.change.target.namespace, now_unix_ns=now)


def mode(step: Step) -> str | None:
    """Only `auto` writes; it must hold for the namespace and for scaling."""
    namespace = step.change.target.namespace
    found = step.settings.mode_for(namespace, "scale")
    return None if found == "auto" else f"mode is {found} for scale in namespace {namespace}"


def opted_in(step: Step) -> str | None:
    """The workload's owner let it be touched."""
    return why_not_opted_in(step.workload, step.change.target)


def quarantine(step: Step) -> str | None:
    """We have been up for a while: who just came up knows too little to change anything."""
    return why_quarantined(step.started_unix_ns, step.situation, step.settings)


def fresh_cluster(step: Step) -> str | None:
    """The cluster's own word is recent."""
    return why_stale(step.situation, step.settings)


def no_storm(step: Step) -> str | None:
    """Many sick services without one cause are not ours to steer through."""
    limit, symptoms = step.settings, step.situation.symptoms
    services = {symptom.service for symptom in symptoms}
    sick = {symptom.service for symptom in symptoms if symptom.health == "unhealthy"}
    if len(services) < limit.storm_count_min or len(sick) <= limit.storm_ratio * len(services):
        return None
    firing = [issue for issue in step.situation.issues if issue.state == "firing"]
    if firing and all(issue.finding == "cause" for issue in firing):
        return None
    return f"{len(sick)} of {len(services)} services are sick without one cause"


def steady_volume(step: Step) -> str | None:
    """Telemetry that collapsed takes no pods away: if the eyes fail, that is not less to do."""
    if not step.is_down:
        return None
    return why_collapsed(step.volumes, step.settings.volume_drop_ratio)


def whole_window(step: Step) -> str | None:
    """Nothing of the window was lost by us: what is missing is not less to do."""
    gap = step.situation.tables.gap
    return f"the window has a gap that is ours: {gap}" if gap and step.is_down else None


def touchable(step: Step) -> str | None:
    """Kubernetes' own, Homeostat's own and what is on its way out is nobody's to steer."""
    return why_untouchable(step.workload) if step.workload else None


def no_other_controller(step: Step) -> str | None:
    """Where an HPA, KEDA or anybody else sets the replicas, we do not: we never fight."""
    return other_controller(step.workload, step.change) if step.workload else None


def no_foreign_rollout(step: Step) -> str | None:
    """Old and new pods side by side: what they can do together says little of what is needed."""
    workload = step.workload
    return f"a rollout of {workload.key} is under way" if workload and workload.is_rolling else None


def deployment(step: Step) -> str | None:
    """A StatefulSet may hold a quorum, and a Recreate workload may not bear company."""
    workload = step.workload
    if workload is None:
        return None
    if workload.key.kind != "Deployment":
        return f"{workload.key}: only Deployments are scaled"
    if workload.strategy != "RollingUpdate":
        return f"{workload.key} is replaced by {workload.strategy}: its pods may not bear company"
    return None


def no_recovery(step: Step) -> str | None:
    """A recovery at work on the target comes first."""
    return "a recovery is at work on it" if step.change.target in step.in_hand else None


def not_foreign(step: Step) -> str | None:
    """What somebody else set is left alone for a while."""
    left_s = (step.foreign_until_unix_ns - step.situation.now_unix_ns) / 1e9
    return f"somebody else set its replicas: left alone {left_s:.0f} s more" if left_s > 0 else None


def unmoved(step: Step) -> str | None:
    """The replicas are still those that the step starts from."""
    workload, before = step.workload, step.change.replicas_before
    if workload is None or workload.replicas == before:
        return None
    return f"{workload.key} has {workload.replicas} replicas, not {before}"


def envelope(step: Step) -> str | None:
    """Within the bounds that a person fixed, by steps of a fixed size."""
    workload, change = step.workload, step.change
    if workload is None:
        return None
    most = min(step.autoscaler.max, workload.replicas_max)
    before, after = change.replicas_before, change.replicas
    if after > before and after > most:
        return f"{after} replicas are more than {most}"
    if after < before and after < min(step.autoscaler.min, most):
        return f"{after} replicas are fewer than {step.autoscaler.min}"
    limit = step.settings.regulation
    if after > max(before + 1, int(before * limit.step_up_factor_max)):
        return f"{before} to {after} is too large a step"
    if after < before - max(1, int(before * limit.step_down_ratio_max)):
        return f"{before} to {after} is too large a step"
    return None


def above_floors(step: Step) -> str | None:
    """No pods are taken that a recovery added."""
    live = [f for f in step.floors if f.until_unix_ns > step.situation.now_unix_ns]
    highest = max(live, key=lambda f: f.replicas, default=None)
    if not step.is_down or highest is None or step.change.replicas >= highest.replicas:
        return None
    return highest.reason


def rate(step: Step) -> str | None:
    """One step at a time: its effect must be in the figures before the next."""
    limit = step.settings.regulation
    wait_s = limit.step_down_s if step.is_down else limit.step_up_s
    now = step.situation.now_unix_ns
    spent = step.ledger.spent(
        since_unix_ns=now - int(wait_s * 1e9), target=step.change.target, but=step.intent_id
    )
    if not spent:
        return None
    age_s = (now - spent[-1].intent.created_unix_ns) / 1e9
    return f"the last step was {age_s:.0f} s ago, wait {wait_s:.0f} s"


def room_left(step: Step) -> str | None:
    """The pods that stay can do the work, by the cluster's word, which no telemetry can forge."""
    cluster, change = step.situation.cluster, step.change
    if not step.is_down or cluster is None:
        return None
    expected = cpu_with(change, cluster)
    if expected is None:
        return "the cluster does not tell the CPU usage of all pods, which would confirm it"
    limit = step.settings.regulation.usage_max
    if expected <= limit:
        return None
    return f"{change.replicas} pods would use {expected:.0%} of their CPU, more than {limit:.0%}"


def target_budget(step: Step) -> str | None:
    """So many steps of a workload in an hour and no more."""
    since, limit = step.situation.now_unix_ns - HOUR_NS, step.settings.regulation.write_count_max
    spent = step.ledger.spent(since_unix_ns=since, target=step.change.target, but=step.intent_id)
    return f"{len(spent)} steps in an hour" if len(spent) >= limit else None


def cluster_budget(step: Step) -> str | None:
    """So many steps in the cluster in an hour and no more."""
    since = step.situation.now_unix_ns - HOUR_NS
    limit = step.settings.regulation.cluster_write_count_max
    spent = step.ledger.spent(since_unix_ns=since, but=step.intent_id)
    return f"{len(spent)} steps in the cluster in an hour" if len(spent) >= limit else None


def failed_tries(step: Step) -> str | None:
    """A write that comes to nothing again and again is for a person to look at."""
    tries = step.ledger.tries(
        step.change.target,
        since_unix_ns=step.situation.now_unix_ns - TRIES_NS,
        but=step.intent_id,
    )
    limit = step.settings.regulation.failed_tries_max
    return f"{tries} writes came to nothing in 600 s" if tries >= limit else None


REGULATION: Final[tuple[StepGuard, ...]] = (
    not_stopped,
    not_paused,
    no_maintenance,
    mode,
    opted_in,
    quarantine,
    fresh_cluster,
    touchable,
    no_other_controller,
    deployment,
    no_foreign_rollout,
    no_recovery,
    not_foreign,
    unmoved,
    no_storm,
    steady_volume,
    whole_window,
    envelope,
    above_floors,
    rate,
    room_left,
    target_budget,
    cluster_budget,
    failed_tries,
)


def refusal(step: Step) -> tuple[str, str] | None:
    """Ask one guard after another; return name and reason of the first that says no."""
    for guard in REGULATION:
        reason = guard(step)
        if reason is not None:
            return guard.__name__.replace("_", " "), reason
    return None
