"""Pods that follow those of a real cluster, and how each of them fares.

In a mirror the cluster decides which pods there are, of which release, and when each is ready for
the first time. What happens in a pod from then on (it hangs, it crashes, it runs out of memory)
happens here, and is told back as a kubelet would tell it: readiness, restarts, usage, never why.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from twin.agenda import Agenda
from twin.kubelet import Kubelet
from twin.pods import Deployment, PodState, Release, Template
from twin.rollouts import template_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedPod:
    """One pod of the cluster that is followed; `template` tells pods of one roll from others."""

    name: str
    uid: str
    template: str
    version: str
    is_ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedWorkload:
    """One workload of the cluster that is followed, its latest template, and its pods."""

    name: str
    replicas: int
    template: str
    version: str
    pods: tuple[FollowedPod, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All workloads that are followed; pods on their way out are left out."""

    workloads: tuple[FollowedWorkload, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodHealth:
    """What a kubelet knows of a pod that has begun. Usage is a share of the limit."""

    name: str
    uid: str
    is_ready: bool
    is_running: bool
    restart_count: int
    oom_killed: bool
    cpu_ratio: float
    memory_ratio: float


class MirrorError(ValueError):
    """The picture is not one of this world."""


class Mirror:
    """Brings the pods of all deployments to those of a picture."""

    def __init__(
        self, *, deployments: Mapping[str, Deployment], kubelet: Kubelet, agenda: Agenda
    ) -> None:
        self._deployments = deployments
        self._kubelet = kubelet
        self._agenda = agenda
        self._templates: dict[tuple[str, str], Template] = {}

    def follow(self, picture: Picture) -> tuple[PodHealth, ...]:
        """Take a picture over; a workload that is not in it has no pods.

        Raises:
            MirrorError: it has a workload that this system does not have.
        """
        unknown = {w.name for w in picture.workloads} - set(self._deployments)
        if unknown:
            raise MirrorError(f"no service is called {', '.join(sorted(unknown))}")
        for workload in picture.workloads:
            deployment = self._deployments[workload.name]
            deployment.replicas = workload.replicas
            deployment.template = self._template(deployment, workload.template, workload.version)
            self._take_over(deployment, workload.pods)
        for name in set(self._deployments) - {w.name for w in picture.workloads}:
            self._take_over(self._deployments[name], ())
        return tuple(
            _health(pod)
            for deployment in self._deployments.values()
            for pod in deployment.pods
            if pod.phase != "starting" or pod.incarnation
        )

    def _take_over(self, deployment: Deployment, pods: tuple[FollowedPod, ...]) -> None:
        wanted = {pod.uid for pod in pods}
        for state in tuple(deployment.pods):
            if state.uid not in wanted:
                self._kubelet.terminate(state)
        known = {state.uid: state for state in deployment.pods}
        for pod in pods:
            state = known.get(pod.uid) or self._kubelet.place(
                deployment,
                self._template(deployment, pod.template, pod.version),
                name=pod.name,
                uid=pod.uid,
            )
            state.is_held = not pod.is_ready
            if pod.is_ready and state.phase == "starting" and not state.incarnation:
                self._kubelet.begin(state)
        deployment.renew_endpoints()

    def _template(self, deployment: Deployment, name: str, version: str) -> Template:
        """Return the one template of that name: what is sick in its pods is sick in all of them."""
        key = deployment.key.name, name
        if key not in self._templates:
            self._templates[key] = template_of(self._release(deployment, version), name)
        return self._templates[key]

    def _release(self, deployment: Deployment, version: str) -> Release:
        """Return the release of that version; one that nobody spoke of has no fault."""
        for release in deployment.releases:
            if release.version == version:
                return release
        release = Release(
            number=len(deployment.releases) + 1,
            version=version,
            created_unix_ns=self._agenda.now_unix_ns,
        )
        deployment.releases.append(release)
        return release


def _health(pod: PodState) -> PodHealth:
    return PodHealth(
        name=pod.name,
        uid=pod.uid,
        is_ready=pod.is_ready,
        is_running=pod.phase == "running",
        restart_count=pod.restart_count,
        oom_killed=pod.oom_killed,
        cpu_ratio=pod.cpu_ratio(),
        memory_ratio=min(1.0, pod.memory_ratio),
    )
