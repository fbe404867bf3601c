"""The simulated system as values: what each service does for a request, and who asks for what.

An operation works on its own first (it holds one worker of its pod), then makes its calls: steps
one after another, the calls of one step in parallel. Workers are not held while calls are out.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000

Law = Literal["lognormal", "exponential"]
Strategy = Literal["RollingUpdate", "Recreate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to another service. Without a required one the caller's request fails."""

    service: str
    operation: str
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a service does for one kind of request. `name` is method and route."""

    name: str
    service_ms_mean: float
    steps: tuple[tuple[Call, ...], ...] = ()
    law: Law = "lognormal"
    service_cv: float = 0.4  # standard deviation / mean, of the lognormal law
    error_ratio: float = 0.0002  # requests that fail for no reason of interest

    def lognormal(self) -> tuple[float, float]:
        """Return (mu, sigma) of the logarithm of the service time in ns."""
        variance = math.log1p(self.service_cv**2)
        return math.log(self.service_ms_mean * NS_PER_MS) - variance / 2, math.sqrt(variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service and the Deployment that runs it; `versions` from the oldest to the current."""

    name: str
    operations: tuple[Operation, ...]
    versions: tuple[str, ...]
    replicas: int
    replicas_max: int
    workers: int = 1  # requests that one pod works on at a time
    queue_max: int = 36  # requests that wait in one pod; the next one is refused
    strategy: Strategy = "RollingUpdate"
    steered_by: str | None = None
    is_opted_in: bool = True  # its owner lets it be healed


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKind:
    """One kind of request of the users: an operation of the entry service."""

    operation: str
    arrivals_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Services, where requests enter, and how often which; `pods_max`: the room on its nodes."""

    namespace: str
    entry: str
    services: tuple[Service, ...]
    kinds: tuple[RequestKind, ...]
    pods_max: int | None = None

    def service(self, name: str) -> Service:
        """Return the service of that name.

        Raises:
            KeyError: there is none.
        """
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def operation(self, service: str, name: str) -> Operation:
        """Return an operation of a service.

        Raises:
            KeyError: there is none.
        """
        for operation in self.service(service).operations:
            if operation.name == name:
                return operation
        raise KeyError(f"{service} {name}")
