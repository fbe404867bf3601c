"""Faults that can be played, and when the cause of each is gone: the ground truth.

Nothing of this module reaches telemetry or the cluster port.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from twin.agenda import Agenda
from twin.kubelet import Kubelet
from twin.model import NS_PER_S, System
from twin.pods import Deployment, Release, Template
from twin.queueing import offered_load, required_services, work_ms_per_request
from twin.traffic import Traffic

SATURATED_RATIO: Final = 1.3  # offered load / capacity that an overload brings a service to
SPARE_RATIO: Final = 0.7  # what all others stay below meanwhile
RELIEVED_RATIO: Final = 0.9  # capacity suffices again below this
GROWTH_MAX: Final = 3.2
BAD_RELEASE_ERROR_RATIO: Final = 0.6
EXTERNAL_MS_MEAN: Final = 1_200.0
EXTERNAL_DURATION_NS: Final = 300 * NS_PER_S
LEAK_PER_S: Final = 0.004
CRASH_AFTER_S: Final = 8.0
RELEASED: Final = frozenset({"bad_release", "crashing_release"})
FELT_SHARE: Final = 0.14  # of the users' requests must need a service that breaks by default


RollOut = Callable[[Deployment, Release], None]
"""Deploys a release that the deployment knows already."""


class FaultError(ValueError):
    """Such a fault cannot be played on that service."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault that was played. `cured_unix_ns` goes back to None if its cause comes back."""

    kind: str
    service: str
    workload: str
    injected_unix_ns: int
    is_gone: Callable[[], bool]
    version: str = ""  # of the release that brought it, where one did
    cured_unix_ns: int | None = None


class Faults:
    """Plays faults on the running system and keeps the truth about them."""

    def __init__(
        self,
        *,
        system: System,
        deployments: Mapping[str, Deployment],
        traffic: Traffic,
        kubelet: Kubelet,
        roll_out: RollOut,
        agenda: Agenda,
        rng: Random,
    ) -> None:
        self._system = system
        self._deployments = deployments
        self._traffic = traffic
        self._kubelet = kubelet
        self._roll_out = roll_out
        self._agenda = agenda
        self._rng = rng
        self._plays: dict[str, Callable[[Deployment], Callable[[], bool]]] = {
            "overload": self._overload,
            "bad_release": self._bad_release,
            "crashing_release": self._crashing_release,
            "slow_dependency": self._slow_dependency,
            "memory_leak": self._memory_leak,
            "crash_loop": self._crash_loop,
            "dead_service": self._dead_service,
        }
        self.played: list[Fault] = []

    def inject(self, kind: str, service: str | None = None) -> Fault:
        """Play a fault now, on `service` or on one that suits it, chosen by the seed.

        Raises:
            FaultError: the kind or the service is not known, or the one does not suit the other.
        """
        play = self._plays.get(kind)
        if play is None:
            raise FaultError(f"unknown fault {kind!r}, known are {', '.join(self._plays)}")
        if service is None:
            # a place that was ill before is on its cool-down: another one makes the better story
            spent = {fault.service for fault in self.played}
            names = self.suitable(kind)
            service = self._rng.choice([n for n in names if n not in spent] or names)
        deployment = self._deployments.get(service)
        if deployment is None:
            raise FaultError(f"unknown service {service!r}")
        fault = Fault(
            kind=kind,
            service=service,
            workload=deployment.key.name,
            injected_unix_ns=self._agenda.now_unix_ns,
            is_gone=play(deployment),
        )
        if kind in RELEASED:
            fault.version = deployment.releases[-1].version
        self.played.append(fault)
        return fault

    def review(self) -> None:
        """Note which causes have gone, or have come back, by now."""
        for fault in self.played:
            if not fault.is_gone():
                fault.cured_unix_ns = None
            elif fault.cured_unix_ns is None:
                fault.cured_unix_ns = self._agenda.now_unix_ns

    def suitable(self, kind: str) -> tuple[str, ...]:
        """Return the services on which a fault is felt by the users and can be healed."""
        names = tuple(
            name
            for name, deployment in self._deployments.items()
            if name != self._system.entry
            and deployment.service.strategy == "RollingUpdate"
            and deployment.service.steered_by is None
        )
        if kind == "overload":
            return tuple(name for name in names if self._growth(self._deployments[name]))
        return tuple(name for name in names if self._felt_share(name) > FELT_SHARE)

    def _felt_share(self, service: str) -> float:
        demand = self._traffic.arrivals_per_s
        felt_per_s = sum(
            rate_per_s
            for operation, rate_per_s in demand.items()
            if service in required_services(self._system, operation)
        )
        return felt_per_s / sum(demand.values())

    def _utilisation(self, arrivals_per_s: Mapping[str, float], service: str) -> float:
        load = offered_load(self._system, arrivals_per_s)[service]
        return self._deployments[service].utilisation(load)

    def _growth(self, deployment: Deployment) -> dict[str, float]:
        """Return the demand that saturates this service and no other; empty if none does."""
        service = deployment.service.name
        demand = self._traffic.arrivals_per_s
        now_ratio = self._utilisation(demand, service)
        if 2 * deployment.replicas > deployment.service.replicas_max or now_ratio > SPARE_RATIO:
            return {}
        for operation, rate_per_s in demand.items():
            if service not in work_ms_per_request(self._system, operation):
                continue
            share_ratio = self._utilisation({operation: rate_per_s}, service)
            factor = 1.0 + (SATURATED_RATIO - now_ratio) / share_ratio
            grown = {**demand, operation: rate_per_s * factor}
            others = (name for name in self._deployments if name != service)
            if factor <= GROWTH_MAX and all(
                self._utilisation(grown, other) < SPARE_RATIO for other in others
            ):
                return {operation: rate_per_s * factor}
        return {}

    def _overload(self, deployment: Deployment) -> Callable[[], bool]:
        service = deployment.service.name
        grown = self._growth(deployment)
        if not grown:
            raise FaultError(f"no kind of request saturates {service} alone")
        for operation, rate_per_s in grown.items():
            self._traffic.set_demand(operation, rate_per_s)
        return lambda: self._utilisation(self._traffic.arrivals_per_s, service) < RELIEVED_RATIO

    def _bad_release(self, deployment: Deployment) -> Callable[[], bool]:
        return self._released(deployment, crash_after_s=None)

    def _crashing_release(self, deployment: Deployment) -> Callable[[], bool]:
        return self._released(deployment, crash_after_s=CRASH_AFTER_S)

    def _released(
        self, deployment: Deployment, *, crash_after_s: float | None
    ) -> Callable[[], bool]:
        last = deployment.releases[-1]
        release = Release(
            number=last.number + 1,
            version=_next_version(last.version),
            created_unix_ns=self._agenda.now_unix_ns,
            error_ratio=BAD_RELEASE_ERROR_RATIO,
            crash_after_s=crash_after_s,
        )
        deployment.releases.append(release)
        self._roll_out(deployment, release)
        return lambda: all(
            template.release is not release for template in _templates_in_use(deployment)
        )

    def _slow_dependency(self, deployment: Deployment) -> Callable[[], bool]:
        end_unix_ns = self._agenda.now_unix_ns + EXTERNAL_DURATION_NS
        deployment.external_ms_mean = EXTERNAL_MS_MEAN
        self._agenda.after(EXTERNAL_DURATION_NS, _end_slowness, deployment)
        return lambda: self._agenda.now_unix_ns >= end_unix_ns

    def _memory_leak(self, deployment: Deployment) -> Callable[[], bool]:
        deployment.template.leak_per_s = LEAK_PER_S
        return _replaced(deployment)

    def _crash_loop(self, deployment: Deployment) -> Callable[[], bool]:
        deployment.template.crash_after_s = CRASH_AFTER_S
        for pod in deployment.pods:
            if pod.template is deployment.template and pod.phase == "running":
                self._kubelet.arrange_crash(pod)
        return _replaced(deployment)

    def _dead_service(self, deployment: Deployment) -> Callable[[], bool]:
        deployment.template.is_hung = True
        for pod in tuple(deployment.pods):
            if pod.template is deployment.template:
                self._kubelet.hang(pod)
        return _replaced(deployment)


def _templates_in_use(deployment: Deployment) -> list[Template]:
    return [deployment.template, *(pod.template for pod in deployment.pods)]


def _replaced(deployment: Deployment) -> Callable[[], bool]:
    """Return whether all pods of the present template have given way to others."""
    sick = deployment.template
    return lambda: all(template is not sick for template in _templates_in_use(deployment))


def _end_slowness(deployment: Deployment) -> None:
    deployment.external_ms_mean = 0.0


def _next_version(version: str) -> str:
    major, minor, _ = version.split(".")
    return f"{major}.{int(minor) + 1}.0"
