"""What a policy sees, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One backend by its callers' telemetry.

    latency_ms: of the calls that did not fail, as a peak EWMA; None where none succeeded yet.
    in_flight: calls at the same time, by Little's law (arrival rate times the time in flight).
    capacity: its configured weight.
    """

    address: str
    capacity: float
    calls_per_s: float
    error_ratio: float
    latency_ms: float | None
    in_flight: float


class Policy(Protocol):
    """Who should get how much, were there nothing to be careful of."""

    def wishes(self, loads: tuple[Load, ...]) -> Mapping[str, float]:
        """Return a number of 0 or more per address; only their ratios count."""
        ...
