"""The deployment controller: brings the pods there are to the pods that are wanted.

RollingUpdate with maxSurge 1 and maxUnavailable 0, unhealthy old pods first, as in
kubernetes.io/docs/concepts/workloads/controllers/deployment and pkg/controller/deployment.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

from twin.kubelet import Kubelet, random_name
from twin.pods import Deployment, PodState, Release, Template

MAX_SURGE: Final = 1


def template_of(release: Release, name: str) -> Template:
    """Return a template whose pods do what the release does to them."""
    return Template(release=release, hash=name, crash_after_s=release.crash_after_s)


class Rollouts:
    """Reconciles deployments, and gives each write a version of its own."""

    def __init__(self, *, kubelet: Kubelet, rng: Random, resource_version: int) -> None:
        self._kubelet = kubelet
        self._rng = rng
        self._resource_version = resource_version

    def new_template(self, release: Release) -> Template:
        """Return a template that differs from all others in its hash."""
        return template_of(release, random_name(self._rng, 10))

    def scale(self, deployment: Deployment, replicas: int) -> None:
        """Want this many pods."""
        deployment.replicas = replicas
        self._written(deployment)

    def roll(self, deployment: Deployment, template: Template) -> None:
        """Want all pods made from this template."""
        deployment.template = template
        deployment.templates[template.release.number] = template
        deployment.is_rolling = True
        self._written(deployment)

    def _written(self, deployment: Deployment) -> None:
        self._resource_version += 1
        deployment.resource_version = self._resource_version
        self.reconcile(deployment)

    def reconcile(self, deployment: Deployment) -> None:
        """Take the next step towards what is wanted."""
        new = [pod for pod in deployment.pods if pod.template is deployment.template]
        old = [pod for pod in deployment.pods if pod.template is not deployment.template]
        if deployment.service.strategy == "Recreate":
            self._recreate(deployment, new, old)
        else:
            self._roll_on(deployment, new, old)
        if not old and sum(pod.is_ready for pod in new) >= deployment.replicas:
            deployment.is_rolling = False

    def _recreate(
        self, deployment: Deployment, new: Sequence[PodState], old: Sequence[PodState]
    ) -> None:
        for pod in old:
            self._kubelet.terminate(pod)
        if not any(pod.template is not deployment.template for pod in deployment.leaving):
            self._resize(deployment, new)

    def _roll_on(
        self, deployment: Deployment, new: Sequence[PodState], old: Sequence[PodState]
    ) -> None:
        if not old:
            self._resize(deployment, new)
            return
        room = deployment.replicas + MAX_SURGE - len(new) - len(old)
        for _ in range(min(room, deployment.replicas - len(new))):
            self._kubelet.create(deployment)
        unready_new = sum(
            not pod.is_ready for pod in deployment.pods if pod.template is deployment.template
        )
        spare = len(deployment.pods) - deployment.replicas - unready_new
        unready_old = [pod for pod in old if not pod.is_ready][: max(0, spare)]
        for pod in unready_old:
            self._kubelet.terminate(pod)
        ready_old = [pod for pod in old if pod.is_ready]
        spare = min(spare - len(unready_old), len(deployment.endpoints) - deployment.replicas)
        for pod in ready_old[: max(0, spare)]:
            self._kubelet.terminate(pod)

    def _resize(self, deployment: Deployment, pods: Sequence[PodState]) -> None:
        for _ in range(deployment.replicas - len(pods)):
            self._kubelet.create(deployment)
        surplus = len(pods) - deployment.replicas
        if surplus > 0:
            by_worth = sorted(pods, key=lambda pod: (pod.is_ready, -pod.started_unix_ns))
            for pod in by_worth[:surplus]:
                self._kubelet.terminate(pod)
