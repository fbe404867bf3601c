"""What happens in a healthy cluster and is no fault: good releases, a lone crash, a busy hour.

Whoever heals must leave all of it alone, whatever telemetry says meanwhile.
"""

from collections.abc import Callable, Mapping
from typing import Final

from twin.agenda import Agenda
from twin.kubelet import Kubelet
from twin.pods import Deployment, Release
from twin.rollouts import Rollouts
from twin.traffic import Traffic

BUSY_FACTOR: Final = 1.25
"""More is asked for, and all of it is served."""


class Events:
    """Lets things happen to the deployments of a world."""

    def __init__(
        self,
        *,
        deployments: Mapping[str, Deployment],
        traffic: Traffic,
        kubelet: Kubelet,
        rollouts: Rollouts,
        agenda: Agenda,
    ) -> None:
        self._deployments = deployments
        self._traffic = traffic
        self._kubelet = kubelet
        self._rollouts = rollouts
        self._agenda = agenda
        self._kinds: dict[str, Callable[[Deployment], None]] = {
            "good_release": self._good_release,
            "lone_crash": self._lone_crash,
            "busy_hour": self._busy_hour,
        }

    def happen(self, kind: str, service: str) -> None:
        """Let an event happen now.

        Raises:
            ValueError: there is no such event or service.
        """
        play, deployment = self._kinds.get(kind), self._deployments.get(service)
        if play is None or deployment is None:
            raise ValueError(f"no event {kind!r} can happen to {service!r}")
        play(deployment)

    def _good_release(self, deployment: Deployment) -> None:
        last = deployment.releases[-1]
        major, minor, _ = last.version.split(".")
        release = Release(
            number=last.number + 1,
            version=f"{major}.{int(minor) + 1}.0",
            created_unix_ns=self._agenda.now_unix_ns,
        )
        deployment.releases.append(release)
        self._rollouts.roll(deployment, self._rollouts.new_template(release))

    def _lone_crash(self, deployment: Deployment) -> None:
        """One pod of many ends by itself once, as pods do."""
        running = [pod for pod in deployment.pods if pod.phase == "running"]
        if running:
            self._kubelet.crash(running[-1])

    def _busy_hour(self, _: Deployment) -> None:
        for operation, rate_per_s in tuple(self._traffic.arrivals_per_s.items()):
            self._traffic.set_demand(operation, BUSY_FACTOR * rate_per_s)
