"""An attacker who controls every byte of telemetry, and knows the system better than its owner.

No lie is as good as the truth about another world: the attacker keeps a copy of the system, with
the same pods under the same uids, breaks it there, and sends what that copy says. Callers, callees,
metrics and logs all agree. Only the cluster's own word and our probes tell otherwise.
"""

from typing import Final

from bench.campaigns.scenario import Forgery, Happening
from twin.telemetry import Parcel
from twin.world import World

SLOW_MS: Final = 1500.0
FAILING_RATIO: Final = 0.6


class Forger:
    """Says what the copy says, from `begin_unix_ns` on; before that what the system says."""

    def __init__(self, forgery: Forgery, copy: World, begin_unix_ns: int) -> None:
        self._forgery = forgery
        self._copy = copy
        self._begin_unix_ns = begin_unix_ns
        self._has_begun = False

    def see(self, happening: Happening, at_unix_ns: int) -> None:
        """Let what really happens, and is no fault, happen to the copy as well."""
        self._go_on(at_unix_ns)
        if not happening.is_fault:
            self._copy.happen(happening.kind, happening.service)

    def instead_of(self, sent: tuple[Parcel, ...], *, now_unix_ns: int) -> tuple[Parcel, ...]:
        """Return what is to be believed instead of what was sent."""
        self._go_on(now_unix_ns)
        made = self._copy.take_telemetry()
        return made if self._has_begun else sent

    def _go_on(self, to_unix_ns: int) -> None:
        if not self._has_begun and to_unix_ns >= self._begin_unix_ns:
            self._copy.advance(self._begin_unix_ns)
            self._lie()
            self._has_begun = True
        self._copy.advance(to_unix_ns)

    def _lie(self) -> None:
        deployments, lie = self._copy.deployments, self._forgery.lie
        victims = deployments.values() if lie == "storm" else [deployments[self._forgery.victim]]
        for victim in victims:
            match lie:
                case "slow" | "storm":
                    victim.external_ms_mean = SLOW_MS
                case "failing":
                    for release in victim.releases:
                        release.error_ratio = FAILING_RATIO
                case "new pods fail":
                    victim.releases[-1].error_ratio = FAILING_RATIO
                case "unreachable":
                    self._copy.inject("dead_service", victim.service.name)
        for operation, rate_per_s in self._copy.arrivals_per_s.items():
            self._copy.set_demand(operation, self._forgery.surge * rate_per_s)
