"""What the pods of a workload should have, by what they used."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """One workload's right-sizing; shares of the present limit (1 is the limit). None: not known.

    `confidence_days`: days of history, or of a sample a minute, whichever is less.
    """

    workload: str
    cpu_target: float | None
    cpu_upper: float | None
    memory_target: float | None
    memory_upper: float | None
    confidence_days: float
