"""The life of pods: start, get ready, crash, back off, leave; and what their memory and CPU do.

Back-off of containers: kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle (the first restart
is immediate, then 10 s, doubled up to 300 s).
"""

import uuid
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

from twin.agenda import Agenda
from twin.model import NS_PER_S
from twin.pods import CPU_WINDOW_S, Deployment, PodState, Template
from twin.telemetry import LogRecord, Outboxes, Source
from twin.traffic import Traffic

START_MIN_S: Final = 4.0
START_MAX_S: Final = 6.0
GRACE_NS: Final = 30 * NS_PER_S
BACKOFF_FIRST_S: Final = 10
BACKOFF_MAX_S: Final = 300
COLLECTION_RATIO: Final = 0.8
"""Share of the memory limit from which on collecting garbage slows the pod."""
COLLECTION_PAUSE: Final = 14.0
"""How much is added to the factor on service times when the limit is reached."""

_NAME_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def random_name(rng: Random, letters: int) -> str:
    """Return a suffix as Kubernetes makes them: no vowels, nothing that looks like another."""
    return "".join(rng.choices(_NAME_LETTERS, k=letters))


def random_uid(rng: Random) -> str:
    """Return an object's uid."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class Kubelet:
    """Makes, runs and ends the pods of all deployments."""

    def __init__(
        self,
        *,
        agenda: Agenda,
        rng: Random,
        outboxes: Outboxes,
        traffic: Traffic,
        on_change: Callable[[Deployment], None],
    ) -> None:
        self._agenda = agenda
        self._rng = rng
        self._outboxes = outboxes
        self._traffic = traffic
        self._on_change = on_change

    def create(self, deployment: Deployment) -> PodState:
        """Make a pod of the deployment's template; it gets ready some seconds later."""
        template = deployment.template
        name = f"{deployment.key.name}-{template.hash}-{random_name(self._rng, 5)}"
        pod = self.place(deployment, template, name=name, uid=random_uid(self._rng))
        self._arrange_ready(pod)
        return pod

    def place(self, deployment: Deployment, template: Template, *, name: str, uid: str) -> PodState:
        """Make a pod of that name; nothing of it runs before it is told to `begin`."""
        source = Source(
            namespace=deployment.key.namespace,
            service=deployment.service.name,
            version=template.release.version,
            deployment=deployment.key.name,
            pod=name,
            pod_uid=uid,
        )
        pod = PodState(
            name=name,
            uid=uid,
            deployment=deployment,
            template=template,
            outbox=self._outboxes.open(source, self._agenda.now_unix_ns),
            started_unix_ns=self._agenda.now_unix_ns,
            memory_base_ratio=self._rng.uniform(0.35, 0.48),
        )
        deployment.pods.append(pod)
        return pod

    def adopt(self, deployment: Deployment, age_s: float) -> None:
        """Make a pod that has been running for `age_s` already."""
        pod = self.create(deployment)
        pod.started_unix_ns -= int(age_s * NS_PER_S)
        pod.outbox.start_unix_ns = pod.started_unix_ns
        pod.phase = "running"
        pod.is_ready = True
        deployment.renew_endpoints()

    def _arrange_ready(self, pod: PodState) -> None:
        delay_ns = int(self._rng.uniform(START_MIN_S, START_MAX_S) * NS_PER_S)
        self._agenda.after(delay_ns, self._get_ready, (pod, pod.incarnation))

    def _get_ready(self, start: tuple[PodState, int]) -> None:
        pod, incarnation = start
        if pod.phase == "starting" and pod.incarnation == incarnation and not pod.is_leaving:
            self.begin(pod)

    def begin(self, pod: PodState) -> None:
        """Let a pod run and take requests, unless it hangs."""
        pod.phase = "running"
        pod.cpu_marks.clear()
        pod.cpu_marks.append(pod.cpu_ns)
        body = f"{pod.outbox.source.service} {pod.outbox.source.version} listening on port 8080"
        pod.outbox.logs.append(LogRecord(self._agenda.now_unix_ns, "INFO", body))
        self.set_ready(pod, is_ready=not pod.template.is_hung)
        self.arrange_crash(pod)

    def set_ready(self, pod: PodState, *, is_ready: bool) -> None:
        """Let requests come to a pod, or not."""
        pod.is_ready = is_ready
        pod.deployment.renew_endpoints()
        self._on_change(pod.deployment)

    def arrange_crash(self, pod: PodState) -> None:
        """Let a running pod end by itself after a while, if it is of that kind."""
        if pod.template.crash_after_s is not None:
            delay_ns = int(pod.template.crash_after_s * self._rng.uniform(0.5, 1.5) * NS_PER_S)
            self._agenda.after(delay_ns, self._crash, (pod, pod.incarnation))

    def _crash(self, start: tuple[PodState, int]) -> None:
        pod, incarnation = start
        if pod.phase == "running" and pod.incarnation == incarnation:
            body = "unrecoverable error while reading local state, exiting"
            pod.outbox.logs.append(LogRecord(self._agenda.now_unix_ns, "ERROR", body))
            self._end_container(pod, oom_killed=False)

    def crash(self, pod: PodState) -> None:
        """End a running pod's process; it is started again as any other."""
        self._end_container(pod, oom_killed=False)

    def _end_container(self, pod: PodState, *, oom_killed: bool) -> None:
        pod.incarnation += 1
        pod.oom_killed = oom_killed
        pod.leaked_ratio = 0.0
        pod.memory_ratio = pod.memory_base_ratio
        pod.pause = 1.0
        self._traffic.drop(pod, is_silent=False)
        if pod.is_leaving:
            self._agenda.after(0, self._remove, pod)
            return
        pod.restart_count += 1
        pod.phase = "waiting"
        self.set_ready(pod, is_ready=False)
        doublings = pod.restart_count - 2
        wait_s = 0 if doublings < 0 else min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2**doublings)
        self._agenda.after(wait_s * NS_PER_S, self._start_container, pod)

    def _start_container(self, pod: PodState) -> None:
        if pod.phase == "waiting" and not pod.is_leaving:
            pod.phase = "starting"
            pod.started_unix_ns = self._agenda.now_unix_ns
            pod.outbox.restart(self._agenda.now_unix_ns)
            self._arrange_ready(pod)

    def terminate(self, pod: PodState) -> None:
        """Send no more requests to a pod, and end it when it has answered those that it has."""
        deployment = pod.deployment
        deployment.pods.remove(pod)
        deployment.leaving.append(pod)
        pod.is_leaving = True
        pod.is_ready = False
        deployment.renew_endpoints()
        self._agenda.after(GRACE_NS if pod.visits else 0, self._remove, pod)

    def drained(self, pod: PodState) -> None:
        """Take note that a pod has answered all that it had."""
        if pod.is_leaving:
            self._agenda.after(0, self._remove, pod)

    def _remove(self, pod: PodState) -> None:
        if pod.phase == "gone":
            return
        pod.phase = "gone"
        pod.outbox.is_closed = True
        self._traffic.drop(pod, is_silent=False)
        pod.deployment.leaving.remove(pod)
        self._on_change(pod.deployment)

    def hang(self, pod: PodState) -> None:
        """Let a pod answer nothing any more."""
        self._traffic.drop(pod, is_silent=True)
        self.set_ready(pod, is_ready=False)

    def live_a_second(self, deployments: Iterable[Deployment]) -> None:
        """Let a second's worth of memory and CPU show."""
        for deployment in deployments:
            for pod in tuple(deployment.pods):
                if pod.phase == "running":
                    self._use_resources(pod)

    def _use_resources(self, pod: PodState) -> None:
        pod.cpu_marks.append(pod.cpu_ns)
        pod.leaked_ratio += pod.template.leak_per_s * self._rng.uniform(0.7, 1.3)
        pod.memory_ratio = pod.memory_base_ratio + pod.leaked_ratio + self._rng.gauss(0.0, 0.004)
        excess = max(0.0, pod.memory_ratio - COLLECTION_RATIO) / (1.0 - COLLECTION_RATIO)
        pod.pause = 1.0 + COLLECTION_PAUSE * excess**2
        if pod.memory_ratio >= 1.0:
            self._end_container(pod, oom_killed=True)

    def sample(self, deployments: Iterable[Deployment]) -> None:
        """Let each running pod report its metrics."""
        for deployment in deployments:
            for pod in deployment.pods:
                if pod.phase == "running" and len(pod.cpu_marks) > CPU_WINDOW_S:
                    now_unix_ns = self._agenda.now_unix_ns
                    pod.outbox.sample(now_unix_ns, pod.memory_ratio, pod.cpu_ratio())
