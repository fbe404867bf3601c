"""The same for all."""

from collections.abc import Mapping

from healing.control.balancer.values import Load


class RoundRobin:
    """Equal weights: each backend in its turn, whatever it is doing."""

    def wishes(self, loads: tuple[Load, ...]) -> Mapping[str, float]:
        """Return 1 for each."""
        return {load.address: 1.0 for load in loads}
