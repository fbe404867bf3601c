"""As much as each was configured for; and the order in which a weighted round robin takes turns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from healing.control.balancer.values import Load


class WeightedRoundRobin:
    """The configured weights, whatever the backends are doing."""

    def wishes(self, loads: tuple[Load, ...]) -> Mapping[str, float]:
        """Return the capacities."""
        return {load.address: load.capacity for load in loads}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Smooth weighted round robin: a heavy backend's turns are spread out, not in a row.

    Each turn all gain their weight, the one that has most is taken and pays the total.
    Source: nginx commit 52327e0627f4 ("Upstream: smooth weighted round-robin balancing").
    """

    credit: Mapping[str, float] = field(default_factory=dict)

    def next(self, weights: Mapping[str, float]) -> tuple["Turns", str | None]:
        """Return whose turn it is; None where no weight is above 0. Of equals the first by name."""
        takers = {address: weight for address, weight in weights.items() if weight > 0}
        if not takers:
            return self, None
        credit = {
            address: self.credit.get(address, 0.0) + weight for address, weight in takers.items()
        }
        chosen = min(credit, key=lambda address: (-credit[address], address))
        credit[chosen] -= sum(takers.values())
        return Turns(credit=credit), chosen
