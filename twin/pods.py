"""The running state of the cluster: deployments, the templates that they roll, and pods.

As in Kubernetes, a pod is made from one template for its whole life; a roll makes a new template
and replaces the pods. What makes a pod sick sits in its release or its template accordingly.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from knowledge.cluster import Boost, Probe
from knowledge.identity import WorkloadKey
from twin.model import NS_PER_S, Operation, Service
from twin.telemetry import Outbox

if TYPE_CHECKING:
    from twin.traffic import Visit

CPU_WINDOW_S = 5
"""Usage is a mean over this time, as a metrics server would say it."""

Phase = Literal["starting", "running", "waiting", "gone"]


@dataclass(slots=True, kw_only=True)
class Release:
    """One version of a service's code, good or bad."""

    number: int
    version: str
    created_unix_ns: int
    error_ratio: float = 0.0
    crash_after_s: float | None = None  # mean; None: it runs on


@dataclass(slots=True, kw_only=True, eq=False)
class Template:
    """What pods are made from, and what is wrong with the local state of those made from it."""

    release: Release
    hash: str
    leak_per_s: float = 0.0  # share of the memory limit
    crash_after_s: float | None = None  # mean; None: it runs on
    is_hung: bool = False


class PodState:
    """One pod: its life, its workers and its queue."""

    __slots__ = (
        "busy",
        "cpu_marks",
        "cpu_ns",
        "deployment",
        "incarnation",
        "is_held",
        "is_leaving",
        "is_ready",
        "leaked_ratio",
        "memory_base_ratio",
        "memory_ratio",
        "name",
        "oom_killed",
        "outbox",
        "pause",
        "phase",
        "queue",
        "restart_count",
        "started_unix_ns",
        "template",
        "uid",
        "visits",
    )

    def __init__(
        self,
        *,
        name: str,
        uid: str,
        deployment: "Deployment",
        template: Template,
        outbox: Outbox,
        started_unix_ns: int,
        memory_base_ratio: float,
    ) -> None:
        self.name = name
        self.uid = uid
        self.deployment = deployment
        self.template = template
        self.outbox = outbox
        self.started_unix_ns = started_unix_ns
        self.memory_base_ratio = memory_base_ratio
        self.memory_ratio = memory_base_ratio
        self.leaked_ratio = 0.0
        self.phase: Phase = "starting"
        self.is_ready = False
        self.is_held = False  # a cluster that is followed does not find it ready (yet)
        self.is_leaving = False  # told to end; it finishes what it has
        self.restart_count = 0
        self.oom_killed = False
        self.incarnation = 0  # of the process; what an older one had arranged is void
        self.busy = 0
        self.queue: deque[Visit] = deque()
        self.visits: dict[Visit, None] = {}  # in order of arrival
        self.cpu_ns = 0
        self.cpu_marks: deque[int] = deque([0], maxlen=CPU_WINDOW_S + 1)
        self.pause = 1.0  # factor on service times: collection of garbage near the memory limit

    def cpu_ratio(self) -> float:
        """Return the usage of the last seconds as a share of the limit."""
        marks = self.cpu_marks
        seconds = len(marks) - 1
        if seconds == 0 or self.phase != "running":
            return 0.0
        used = (marks[-1] - marks[0]) / (seconds * NS_PER_S * self.deployment.service.workers)
        return min(1.0, used)

    def probe(self) -> Probe:
        """Return what a deep health check of the pod says."""
        if self.phase == "starting":
            return "unknown"
        is_sick = self.phase != "running" or self.template.is_hung
        return "failed" if is_sick or self.template.release.error_ratio > 0.0 else "ok"


class Deployment:
    """One workload: what is wanted of it and the pods that there are."""

    __slots__ = (
        "boost",
        "endpoints",
        "external_ms_mean",
        "is_rolling",
        "key",
        "last_action_id",
        "leaving",
        "operations",
        "pods",
        "releases",
        "replicas",
        "resource_version",
        "service",
        "template",
        "templates",
        "turn",
    )

    def __init__(self, service: Service, key: WorkloadKey, resource_version: int) -> None:
        self.service = service
        self.key = key
        self.resource_version = resource_version
        self.last_action_id = ""
        self.boost: Boost | None = None
        self.replicas = service.replicas
        self.releases: list[Release] = []
        self.template: Template
        self.templates: dict[int, Template] = {}  # the latest of each release
        self.pods: list[PodState] = []
        self.leaving: list[PodState] = []
        self.endpoints: list[PodState] = []
        self.turn = 0
        self.is_rolling = False
        self.operations = {
            operation.name: (operation, *operation.lognormal()) for operation in service.operations
        }
        self.external_ms_mean = 0.0  # what a store of the service adds to each request

    def operation(self, name: str) -> tuple[Operation, float, float]:
        """Return an operation with (mu, sigma) of its service time in ns."""
        return self.operations[name]

    def renew_endpoints(self) -> None:
        """Send requests to exactly the pods that are ready."""
        self.endpoints = [pod for pod in self.pods if pod.is_ready and not pod.is_held]

    def next_endpoint(self) -> PodState | None:
        """Return the pod whose turn it is, None where no pod is ready."""
        if not self.endpoints:
            return None
        self.turn += 1
        return self.endpoints[self.turn % len(self.endpoints)]

    def utilisation(self, load: float) -> float:
        """Return an offered load (erlang) as a share of the capacity of the wanted, ready pods."""
        pods = min(len(self.endpoints), self.replicas)
        return load / (pods * self.service.workers) if pods else math.inf

    def queued(self) -> int:
        """Return the number of requests that wait in the pods."""
        return sum(len(pod.queue) for pod in self.pods)
