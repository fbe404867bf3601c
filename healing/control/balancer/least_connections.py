"""More for whom fewer calls are waiting."""

from collections.abc import Mapping

from healing.control.balancer.values import Load


class LeastConnections:
    """Capacity over calls in flight, plus the one to come, as Envoy's least request weighs.

    https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/load_balancers
    """

    def wishes(self, loads: tuple[Load, ...]) -> Mapping[str, float]:
        """Return capacity / (in flight + 1)."""
        return {load.address: load.capacity / (load.in_flight + 1.0) for load in loads}
