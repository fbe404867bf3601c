"""The cluster port as the twin serves it: facts in a report, changes by tested writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from knowledge.boosts import boost_after
from knowledge.cluster import (
    Change,
    ClusterReport,
    Pod,
    Restart,
    Revision,
    RollBackRelease,
    Scale,
    SetFloor,
    Workload,
    WriteIntent,
    WriteOutcome,
)
from knowledge.identity import WorkloadKey
from twin.agenda import Agenda
from twin.pods import Deployment, PodState
from twin.rollouts import Rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedWrite:
    """One write that took effect, for the record of the twin."""

    unix_ns: int
    kind: str
    workload: str
    intent_id: str
    is_undo: bool


class PreconditionError(Exception):
    """What the writer believed of the object does not hold (any more)."""


class RejectedError(Exception):
    """The cluster will not have such a value."""


class ControlPlane:
    """Reads and writes the deployments; knows nothing of faults."""

    def __init__(
        self,
        *,
        deployments: Mapping[str, Deployment],
        rollouts: Rollouts,
        agenda: Agenda,
        pods_max: int | None,
    ) -> None:
        self._deployments = deployments
        self._pods_max = pods_max
        self._rollouts = rollouts
        self._agenda = agenda
        self._applied_ids: set[str] = set()
        self.writes: list[AppliedWrite] = []

    def report(self) -> ClusterReport:
        """Return the present facts."""
        deployments = self._deployments.values()
        return ClusterReport(
            observed_unix_ns=self._agenda.now_unix_ns,
            workloads=tuple(_workload(deployment, self._room()) for deployment in deployments),
            pods=tuple(_pod(pod) for deployment in deployments for pod in deployment.pods),
        )

    def _room(self) -> int | None:
        """How many more pods the nodes have room for; None: nobody counts."""
        if self._pods_max is None:
            return None
        deployments = self._deployments.values()
        return max(0, self._pods_max - sum(len(d.pods) + len(d.leaving) for d in deployments))

    def write(self, intent: WriteIntent) -> WriteOutcome:
        """Test the preconditions and write; a second time the same intent changes nothing."""
        if intent.id in self._applied_ids:
            return self._outcome(intent, "applied", "was applied before")
        try:
            deployment = self._tested(intent)
            self._apply(deployment, intent.change)
        except PreconditionError as error:
            return self._outcome(intent, "conflict", str(error))
        except RejectedError as error:
            return self._outcome(intent, "failed", str(error))
        if isinstance(intent.change, Scale):
            deployment.boost = boost_after(
                intent.change,
                deployment.boost,
                action_id=intent.id,
                at_unix_ns=self._agenda.now_unix_ns,
            )
        self._applied_ids.add(intent.id)
        deployment.last_action_id = intent.id
        self.writes.append(
            AppliedWrite(
                unix_ns=self._agenda.now_unix_ns,
                kind=intent.change.kind,
                workload=deployment.key.name,
                intent_id=intent.id,
                is_undo=intent.is_undo,
            )
        )
        return self._outcome(intent, "applied", "")

    def _outcome(
        self, intent: WriteIntent, status: Literal["applied", "conflict", "failed"], reason: str
    ) -> WriteOutcome:
        return WriteOutcome(
            intent_id=intent.id,
            status=status,
            reason=reason,
            finished_unix_ns=self._agenda.now_unix_ns,
        )

    def _tested(self, intent: WriteIntent) -> Deployment:
        change = intent.change
        deployment = self._find(change.target)
        if intent.resource_version != str(deployment.resource_version):
            raise PreconditionError(
                f"resourceVersion is {deployment.resource_version}, not {intent.resource_version}"
            )
        if isinstance(change, Scale) and change.replicas_before != deployment.replicas:
            raise PreconditionError(
                f"replicas are {deployment.replicas}, not {change.replicas_before}"
            )
        if isinstance(change, RollBackRelease):
            revision = deployment.template.release.number
            if change.revision_before != revision:
                raise PreconditionError(f"revision is {revision}, not {change.revision_before}")
        return deployment

    def _find(self, target: WorkloadKey) -> Deployment:
        for deployment in self._deployments.values():
            if deployment.key.same_name(target):
                if deployment.key.uid != target.uid:
                    raise PreconditionError(f"uid is {deployment.key.uid}, not {target.uid}")
                return deployment
        raise RejectedError(f"{target} not found")

    def _apply(self, deployment: Deployment, change: Change) -> None:
        match change:
            case Scale():
                if not 0 <= change.replicas <= deployment.service.replicas_max:
                    raise RejectedError(
                        f"replicas must be 0 to {deployment.service.replicas_max}"
                        f", not {change.replicas}"
                    )
                self._rollouts.scale(deployment, change.replicas)
            case SetFloor():
                raise RejectedError(f"no autoscaler sets the replicas of {change.target}")
            case Restart():
                release = deployment.template.release
                self._rollouts.roll(deployment, self._rollouts.new_template(release))
            case RollBackRelease():
                template = deployment.templates.get(change.revision)
                if template is None:
                    raise RejectedError(f"no revision {change.revision} in the history")
                self._rollouts.roll(deployment, template)


def _workload(deployment: Deployment, room: int | None) -> Workload:
    service = deployment.service
    return Workload(
        key=deployment.key,
        resource_version=str(deployment.resource_version),
        replicas=deployment.replicas,
        ready_replicas=len(deployment.endpoints),
        strategy=service.strategy,
        revisions=tuple(
            Revision(
                number=release.number,
                version=release.version,
                created_unix_ns=release.created_unix_ns,
            )
            for release in deployment.releases
        ),
        revision=deployment.template.release.number,
        is_rolling=deployment.is_rolling,
        is_opted_in=service.is_opted_in,
        steered_by=service.steered_by,
        replicas_max=service.replicas_max,
        last_action_id=deployment.last_action_id,
        room=room,
        boost=deployment.boost,
    )


def _pod(pod: PodState) -> Pod:
    is_running = pod.phase == "running"
    return Pod(
        name=pod.name,
        uid=pod.uid,
        workload=pod.deployment.key,
        revision=pod.template.release.number,
        ready=pod.is_ready,
        restart_count=pod.restart_count,
        oom_killed=pod.oom_killed,
        started_unix_ns=pod.started_unix_ns,
        cpu_ratio=pod.cpu_ratio() if is_running else None,
        memory_ratio=min(1.0, pod.memory_ratio) if is_running else None,
        probe=pod.probe(),
    )
