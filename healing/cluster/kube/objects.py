"""The parts of Kubernetes objects that are read, as narrow structs.

Decoding only these is what makes a list of thousands of pods cheap (docs/decisions/0030). A field
that an API server leaves out has Kubernetes' own default here.
"""

import hashlib
from datetime import datetime
from typing import Any

import msgspec


class _Object(msgspec.Struct, rename="camel", frozen=True, gc=False):
    pass


class OwnerReference(_Object, frozen=True):
    """Who made an object; the one with `controller` steers it."""

    kind: str
    name: str
    uid: str
    api_version: str = ""
    controller: bool | None = None


class Meta(_Object, frozen=True):
    """The metadata that all objects have."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()

    def controller(self) -> OwnerReference | None:
        """The owner that steers this object."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Bare(_Object, frozen=True):
    """An object of which only the metadata is read."""

    metadata: Meta


class Resources(_Object, frozen=True):
    """What a container asks for and may use; quantities as Kubernetes writes them."""

    limits: dict[str, str] = {}
    requests: dict[str, str] = {}


class Container(_Object, frozen=True):
    """One container of a pod or of a template."""

    name: str = ""
    image: str = ""
    resources: Resources = Resources()


class PodSpec(_Object, frozen=True):
    """What a pod is made of."""

    containers: tuple[Container, ...] = ()
    node_name: str = ""
    priority_class_name: str = ""
    service_account_name: str = ""


class Running(_Object, frozen=True):
    """A container that runs."""

    started_at: datetime | None = None


class Terminated(_Object, frozen=True):
    """A container that ended."""

    reason: str = ""
    exit_code: int = 0


class ContainerState(_Object, frozen=True):
    """One of several; the others are None."""

    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(_Object, frozen=True):
    """How one container fares."""

    name: str = ""
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class Condition(_Object, frozen=True):
    """One condition of a status."""

    type: str
    status: str
    reason: str = ""


class PodStatus(_Object, frozen=True):
    """How a pod fares."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class PodObject(_Object, frozen=True):
    """A pod."""

    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Strategy(_Object, frozen=True):
    """How a workload replaces its pods."""

    type: str = "RollingUpdate"


class WorkloadSpec(_Object, frozen=True):
    """What is wanted of a Deployment, StatefulSet or DaemonSet."""

    replicas: int = 1
    paused: bool = False
    strategy: Strategy | None = None
    update_strategy: Strategy | None = None
    template: dict[str, Any] = {}


class WorkloadStatus(_Object, frozen=True):
    """How far a workload is."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    conditions: tuple[Condition, ...] = ()


class WorkloadObject(_Object, frozen=True):
    """A Deployment, StatefulSet or DaemonSet."""

    metadata: Meta
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class ReplicaSetSpec(_Object, frozen=True):
    """What is wanted of a ReplicaSet; the template stays whole, to be told from others."""

    replicas: int = 1
    template: dict[str, Any] = {}


class ReplicaSetObject(_Object, frozen=True):
    """A ReplicaSet: one template that a Deployment has rolled out."""

    metadata: Meta
    spec: ReplicaSetSpec = ReplicaSetSpec()


class TargetReference(_Object, frozen=True):
    """What an autoscaler scales."""

    kind: str = ""
    name: str = ""


class ScalerSpec(_Object, frozen=True):
    """HorizontalPodAutoscaler and KEDA call it scaleTargetRef, VPA targetRef."""

    scale_target_ref: TargetReference = TargetReference()
    target_ref: TargetReference = TargetReference()
    min_replicas: int | None = None
    max_replicas: int | None = None
    min_replica_count: int | None = None
    max_replica_count: int | None = None


class ScalerObject(_Object, frozen=True):
    """An autoscaler of whatever kind."""

    metadata: Meta
    spec: ScalerSpec = ScalerSpec()

    def token(self) -> str:
        """Return what changes with what anybody may want of it, and with no status."""
        told = [self.spec, self.metadata.labels, self.metadata.annotations]
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()[:12]


class ContainerUsage(_Object, frozen=True):
    """What a container uses now."""

    name: str = ""
    usage: dict[str, str] = {}


class PodMetrics(_Object, frozen=True):
    """One pod's usage, as the metrics API has it."""

    metadata: Meta
    containers: tuple[ContainerUsage, ...] = ()
