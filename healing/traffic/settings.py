"""Which pools are balanced, and how the weights reach the proxies."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from healing.control.balancer.pool import BalancerSettings
from knowledge.bounds import require_positive
from knowledge.plans import Mode
from knowledge.traffic import PolicyName

CAPACITY_MAX = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """One pool, named as Envoy's cluster is."""

    namespace: str
    """Whose mode limits this pool's."""

    backends: Mapping[str, float]
    """host:port to configured weight; IP addresses that stay: of Services, not of pods."""

    policy: PolicyName = "adaptive"
    mode: Mode = "observe"
    haproxy_backend: str = ""
    """Its backend in HAProxy, whose servers have these addresses; empty: HAProxy is not told."""

    is_probed: bool = False
    """Whether we open a connection to each backend to see that it listens."""

    def __post_init__(self) -> None:
        if not self.backends:
            raise ValueError("backends: expected at least one host:port with its weight")
        for address, capacity in self.backends.items():
            host, colon, port = address.rpartition(":")
            try:
                ipaddress.ip_address(host.strip("[]"))
            except ValueError as error:
                raise ValueError(
                    f"backends: got {address!r}: expected an IP address and a port, such as "
                    "10.96.0.11:8080; Envoy resolves no names here"
                ) from error
            if not colon or not port.isdigit() or not 0 < int(port) < 1 << 16:
                raise ValueError(f"backends: got {address!r}: expected a port of 1 to 65535")
            if not 0 < capacity <= CAPACITY_MAX:
                raise ValueError(
                    f"backends: {address}: got weight {capacity}: expected above 0, at most 100"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSettings:
    """Off while there are no pools."""

    pools: Mapping[str, PoolSettings] = field(default_factory=dict)

    endpoints_listen: str | None = None
    """host:port where Envoy asks for endpoints (REST EDS); None: nobody is answered."""

    last_good: str | None = None
    """Folder of files that an Envoy starts from while we are away; None: none is written."""

    haproxy_socket: str | None = None
    """HAProxy's runtime socket (level admin)."""

    period_s: float = 1.0
    """How often weights are looked at."""

    probe_s: float = 10.0
    """How often the backends of pools that are probed are."""

    probe_timeout_s: float = 2.0
    unhealthy_count: int = 3
    """So many probes in a row that fail take a backend out ..."""

    healthy_count: int = 2
    """... and so many that pass bring it back."""

    balancer: BalancerSettings = field(default_factory=BalancerSettings)

    def __post_init__(self) -> None:
        require_positive(self)
        taken: dict[str, str] = {}
        for name, pool in self.pools.items():
            for address in pool.backends:
                if taken.setdefault(address, name) != name:
                    raise ValueError(f"pools: {address} is in {taken[address]} and in {name}")
        if any(pool.haproxy_backend for pool in self.pools.values()) and not self.haproxy_socket:
            raise ValueError("haproxy_socket: a pool names a haproxy_backend: expected a path")
