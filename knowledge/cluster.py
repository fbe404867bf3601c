"""The cluster port: what the service may know of a cluster, and the only way to change it.

Adapters (the twin's and Kubernetes') pass one contract suite. Reports are facts that no sender of
telemetry can forge; writes are typed, absolute, and carry their own preconditions.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from knowledge.identity import WorkloadKey

Probe = Literal["ok", "failed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod as the API and our own probe see it. Usage is a share of its limit."""

    name: str
    uid: str
    workload: WorkloadKey
    revision: int
    ready: bool
    restart_count: int
    oom_killed: bool
    started_unix_ns: int
    cpu_ratio: float | None
    memory_ratio: float | None
    probe: Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One release of a workload that can be gone back to."""

    number: int
    version: str
    created_unix_ns: int


ScalerKind = Literal["HorizontalPodAutoscaler", "ScaledObject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """The autoscaler that sets a workload's replicas, between its floor and its ceiling.

    `floor` is None where the object does not name one. `steered_by`: who decides about the object
    itself, if that is not the person who wrote it. The other fields are as those of `Workload`.
    """

    kind: ScalerKind
    name: str
    uid: str
    resource_version: str
    floor: int | None
    ceiling: int
    steered_by: str | None = None
    last_action_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boost:
    """Room that an action of ours added, for a time: `after` where `before` had been enough.

    It is written on the object itself, so that it ends even where our memory is lost. `before` is
    what was there before the first of several boosts: nothing of ours ever goes below that.
    """

    action_id: str
    of: Literal["replicas", "floor"]
    before: int | None
    after: int
    since_unix_ns: int
    expires_unix_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One workload: its wanted and real size, releases, and who else steers it.

    `resource_version`: changes whenever anybody changes what is wanted of the workload; a write
    names it, and fails if it is not that any more. `last_action_id`: the intent that last wrote to
    it, which rides in the write itself; so a write whose answer was lost can be looked up. A
    revision number names a release for good. `steered_by` has the last word on all of it,
    `scaled_by` on its replicas, `released_by` on its release, `sized_by` on what its pods may use;
    `untouchable` says why nobody may. `room`: how many more of its pods quota and nodes have room
    for; None where that is not known.
    """

    key: WorkloadKey
    resource_version: str
    replicas: int
    ready_replicas: int
    strategy: Literal["RollingUpdate", "Recreate", "OnDelete"]
    revisions: tuple[Revision, ...]
    revision: int
    is_rolling: bool
    is_opted_in: bool
    steered_by: str | None
    replicas_max: int
    last_action_id: str = ""
    scaled_by: str | None = None
    released_by: str | None = None
    untouchable: str | None = None
    sized_by: str | None = None
    room: int | None = None
    scaler: Scaler | None = None
    boost: Boost | None = None

    def token_of(self, change: "Change") -> str:
        """The version of the object that `change` is written to; empty where there is none."""
        if change.kind != "set_floor":
            return self.resource_version
        return self.scaler.resource_version if self.scaler else ""

    def was_written_by(self, intent_id: str) -> bool:
        """Whether that intent was the last to write to the workload, or to its autoscaler."""
        ids = {self.last_action_id, self.scaler.last_action_id if self.scaler else ""}
        return intent_id in ids

    def previous_revision(self, *, condemned: frozenset[int]) -> Revision | None:
        """The release before the current one that the cluster still has and nobody condemned."""
        current = self.current_revision()
        if current is None:
            return None
        older = [
            r
            for r in self.revisions
            if r.created_unix_ns < current.created_unix_ns and r.number not in condemned
        ]
        return max(older, key=lambda r: r.created_unix_ns, default=None)

    def current_revision(self) -> Revision | None:
        """The release that is being run or rolled out."""
        return next((r for r in self.revisions if r.number == self.revision), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReport:
    """All that the adapter knew at `observed_unix_ns`."""

    observed_unix_ns: int
    workloads: tuple[Workload, ...]
    pods: tuple[Pod, ...]

    def workload(self, key: WorkloadKey) -> Workload | None:
        """The workload of that very uid."""
        return next((w for w in self.workloads if w.key == key), None)

    def pods_of(self, key: WorkloadKey) -> tuple[Pod, ...]:
        """The pods that belong to a workload."""
        return tuple(p for p in self.pods if p.workload == key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Set the replicas of `target` to `replicas`, if they are `replicas_before` now."""

    kind: Literal["scale"] = "scale"
    target: WorkloadKey
    replicas: int
    replicas_before: int
    boost_s: float | None = None
    """How long what is added is to stay; None: for good, or until somebody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFloor:
    """Let the autoscaler of `target` keep at least `floor` replicas, if it is `floor_before` now.

    The way to more room where an autoscaler sets the replicas: it stays their only master. None is
    a floor that the object does not name.
    """

    kind: Literal["set_floor"] = "set_floor"
    target: WorkloadKey
    scaler_kind: ScalerKind
    scaler_name: str
    scaler_uid: str
    floor: int | None
    floor_before: int | None
    boost_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Roll the pods of `target` once, on the release that they run now."""

    kind: Literal["restart"] = "restart"
    target: WorkloadKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackRelease:
    """Put `target` back on `revision`, if it runs `revision_before` now."""

    kind: Literal["roll_back_release"] = "roll_back_release"
    target: WorkloadKey
    revision: int
    revision_before: int


Change = Scale | SetFloor | Restart | RollBackRelease
"""What can be done to a workload; absolute, so that doing it twice is doing it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteIntent:
    """One write as it will be made. Journaled durably before it is tried.

    `id` travels with the write: the cluster remembers it, and a second attempt changes nothing.
    `undo` restores exactly the touched field; None where the action completes by itself.
    `profile`: whether an issue is to be cured, or a workload kept in balance; budgets are apart.
    """

    id: str
    plan_id: str
    issue_id: str
    epoch: int
    change: Change
    resource_version: str
    undo: Change | None
    is_undo: bool
    created_unix_ns: int
    profile: Literal["recovery", "regulation"] = "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOutcome:
    """What became of a write.

    `applied`: read back and found. `refused`: a guard said no at the moment of the write.
    `conflict`: a precondition no longer held. `failed`: the cluster said no. `unknown`: no answer
    came, so it may or may not have happened. `is_sent` is False where `failed` says nothing of the
    write, for nothing of it was sent: it was held back, or what it needs could not be looked at.
    """

    intent_id: str
    status: Literal["applied", "refused", "conflict", "failed", "unknown"]
    reason: str
    finished_unix_ns: int
    is_sent: bool = True


class Cluster(Protocol):
    """The port. Failures of the cluster are outcomes or `ClusterUnavailableError`."""

    async def report(self) -> ClusterReport:
        """Return the present facts.

        Raises:
            ClusterUnavailableError: the cluster does not answer.
        """
        ...

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        """Try the write once: test the preconditions, dry run, write, read back.

        Raises:
            ClusterUnavailableError: the cluster does not answer.
            OvertakenError: the target changed meanwhile, and surely nothing was written.
        """
        ...


class OvertakenError(Exception):
    """The target changed between the look and the write: surely nothing was written.

    It may be tried again, once the guards were asked anew.
    """


class ClusterUnavailableError(Exception):
    """The cluster does not answer; what it would have said is not known."""
