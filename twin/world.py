"""The whole simulated world behind one face: time, faults, the cluster port, telemetry, the truth.

Pure in the sense that matters: given the system, the seed, the start and the same commands at the
same simulated times, everything that it says is the same.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from random import Random
from typing import Any, Final

from knowledge.cluster import ClusterReport, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from twin.agenda import Agenda
from twin.control_plane import ControlPlane
from twin.events import Events
from twin.faults import Fault, Faults
from twin.kubelet import Kubelet, random_uid
from twin.mirror import Mirror, MirrorError, Picture, PodHealth
from twin.model import NS_PER_S, Service, System
from twin.pods import Deployment, PodState, Release
from twin.queueing import offered_load
from twin.rollouts import Rollouts
from twin.telemetry import Outboxes, Parcel
from twin.traffic import Traffic

SAMPLE_PERIOD_S: Final = 10
DAY_NS: Final = 86_400 * NS_PER_S
FIRST_RELEASE_AGE_DAYS: Final = 40
RELEASE_PERIOD_DAYS: Final = 21
POD_AGE_MIN_S: Final = 36_000.0
POD_AGE_MAX_S: Final = 90_000.0
RESOURCE_VERSION_FIRST: Final = 184_200


class World:
    """A running system on a cluster, from `start_unix_ns` on."""

    def __init__(
        self, system: System, seed: int, start_unix_ns: int, *, is_mirror: bool = False
    ) -> None:
        self._system = system
        self._is_mirror = is_mirror
        self._agenda = Agenda(start_unix_ns)
        self._seconds = 0
        self._outboxes = Outboxes()
        parts = ("names", "traffic", "pods", "faults")
        self._chances = {part: Random(f"{seed} {part}") for part in parts}
        names = self._chances["names"]
        self._deployments: dict[str, Deployment] = {}
        for index, service in enumerate(system.services):
            key = WorkloadKey(
                namespace=system.namespace,
                kind="Deployment",
                name=service.name,
                uid=random_uid(names),
            )
            version = RESOURCE_VERSION_FIRST + index
            self._deployments[service.name] = Deployment(service, key, version)
        self._traffic = Traffic(
            system=system,
            deployments=self._deployments,
            agenda=self._agenda,
            rng=self._chances["traffic"],
            on_drained=self._drained,
        )
        self._kubelet = Kubelet(
            agenda=self._agenda,
            rng=self._chances["pods"],
            outboxes=self._outboxes,
            traffic=self._traffic,
            on_change=self._changed,
        )
        self._rollouts = Rollouts(
            kubelet=self._kubelet,
            rng=names,
            resource_version=RESOURCE_VERSION_FIRST + len(system.services),
        )
        self._control_plane = ControlPlane(
            deployments=self._deployments,
            rollouts=self._rollouts,
            agenda=self._agenda,
            pods_max=system.pods_max,
        )
        self._faults = Faults(
            system=system,
            deployments=self._deployments,
            traffic=self._traffic,
            kubelet=self._kubelet,
            roll_out=self._roll_out,
            agenda=self._agenda,
            rng=self._chances["faults"],
        )
        self._events = Events(
            deployments=self._deployments,
            traffic=self._traffic,
            kubelet=self._kubelet,
            rollouts=self._rollouts,
            agenda=self._agenda,
        )
        self._mirror = Mirror(
            deployments=self._deployments, kubelet=self._kubelet, agenda=self._agenda
        )
        for service in system.services:
            self._install(service, names)
        self._agenda.after(NS_PER_S, self._second, None)

    def _install(self, service: Service, rng: Random) -> None:
        """Bring a service to where it was before the story begins: released, scaled, running."""
        deployment = self._deployments[service.name]
        for index, version in enumerate(service.versions):
            age_days = FIRST_RELEASE_AGE_DAYS - RELEASE_PERIOD_DAYS * index
            age_ns = int(max(2.0, age_days + rng.random()) * DAY_NS)
            release = Release(
                number=index + 1,
                version=version,
                created_unix_ns=self._agenda.now_unix_ns - age_ns,
            )
            deployment.releases.append(release)
            deployment.templates[release.number] = self._rollouts.new_template(release)
        deployment.template = deployment.templates[len(service.versions)]
        if self._is_mirror:  # its pods are those of the cluster that is followed
            return
        for _ in range(service.replicas):
            self._kubelet.adopt(deployment, rng.uniform(POD_AGE_MIN_S, POD_AGE_MAX_S))

    def _drained(self, pod: PodState) -> None:
        self._kubelet.drained(pod)

    def _changed(self, deployment: Deployment) -> None:
        if not self._is_mirror:
            self._rollouts.reconcile(deployment)

    def _roll_out(self, deployment: Deployment, release: Release) -> None:
        if not self._is_mirror:  # whoever plays deploys to the cluster that is followed
            self._rollouts.roll(deployment, self._rollouts.new_template(release))

    def _second(self, _: None) -> None:
        self._seconds += 1
        self._kubelet.live_a_second(self._deployments.values())
        if self._seconds % SAMPLE_PERIOD_S == 0:
            self._kubelet.sample(self._deployments.values())
        self._faults.review()
        self._agenda.after(NS_PER_S, self._second, None)

    @property
    def now_unix_ns(self) -> int:
        """The simulated time."""
        return self._agenda.now_unix_ns

    def advance(self, to_unix_ns: int) -> None:
        """Let time pass until `to_unix_ns`; a time that has been is no news."""
        self._agenda.run_until(to_unix_ns)

    @property
    def deployments(self) -> Mapping[str, Deployment]:
        """The running state of each service, for whoever plays with it."""
        return self._deployments

    def take_telemetry(self) -> tuple[Parcel, ...]:
        """Return what the services have said since the last time."""
        return self._outboxes.take()

    def report(self) -> ClusterReport:
        """Return what the cluster port reports."""
        return self._control_plane.report()

    def write(self, intent: WriteIntent) -> WriteOutcome:
        """Do what the cluster port is asked to."""
        return self._control_plane.write(intent)

    def follow(self, picture: Picture) -> tuple[PodHealth, ...]:
        """Take over the pods of the cluster that is followed; return how they fare.

        Raises:
            MirrorError: the world has a cluster of its own, or no such service.
        """
        if not self._is_mirror:
            raise MirrorError("this world has a cluster of its own and follows none")
        return self._mirror.follow(picture)

    def inject(self, kind: str, service: str | None = None) -> Fault:
        """Play a fault now.

        Raises:
            FaultError: there is no such fault or service, or the one does not suit the other.
        """
        return self._faults.inject(kind, service)

    def happen(self, kind: str, service: str) -> None:
        """Let something happen that is no fault: see `twin.events`.

        Raises:
            ValueError: there is no such event or service.
        """
        self._events.happen(kind, service)

    def set_demand(self, operation: str, arrivals_per_s: float) -> None:
        """Let users ask for an operation of the entry service at this rate from now on."""
        self._traffic.set_demand(operation, arrivals_per_s)

    @property
    def arrivals_per_s(self) -> Mapping[str, float]:
        """How often users ask for what."""
        return dict(self._traffic.arrivals_per_s)

    def reseed(self, seed: int) -> None:
        """Go on by other chances: copies of one world part ways here."""
        for name, rng in self._chances.items():
            rng.seed(f"{seed} {name}")

    def load(self, factor: float) -> None:
        """Let all kinds of requests come `factor` times as often as at first.

        Raises:
            ValueError: the factor is not a number of 0 or more.
        """
        if not 0.0 <= factor < math.inf:
            raise ValueError(f"factor must be 0 or more, got {factor}")
        for kind in self._system.kinds:
            self._traffic.set_demand(kind.operation, kind.arrivals_per_s * factor)

    def truth(self) -> dict[str, Any]:
        """Return what only the twin knows, as plain JSON values: faults, writes, real load."""
        self._faults.review()
        load = offered_load(self._system, self._traffic.arrivals_per_s)
        return {
            "faults": [fault_truth(fault) for fault in self._faults.played],
            "writes": [asdict(write) for write in self._control_plane.writes],
            "services": {
                name: {
                    "utilisation": deployment.utilisation(load[name]) if ready else None,
                    "queue": deployment.queued(),
                    "replicas": ready,
                    "revision": deployment.template.release.number,
                }
                for name, deployment in self._deployments.items()
                for ready in (len(deployment.endpoints),)
            },
        }


def fault_truth(fault: Fault) -> dict[str, Any]:
    """Return what is known of a fault as plain JSON values."""
    return {
        "kind": fault.kind,
        "service": fault.service,
        "workload": fault.workload,
        "version": fault.version,
        "injected_unix_ns": fault.injected_unix_ns,
        "cured_unix_ns": fault.cured_unix_ns,
    }
