"""Calls to backends as they are told by those who call, and the weights made from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PolicyName = Literal[
    "round_robin", "least_connections", "weighted_round_robin", "response_time", "adaptive"
]
Place = Literal["in", "ejected", "unhealthy"]
"""Whether a backend takes traffic; one that is out comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls to one backend that ended in one second; the rows of knowledge.schemas.ENDPOINTS.

    `ok_ms_sum` and `ok_ms_max` are of the calls that did not fail: a quick refusal is not speed.
    `busy_ms_sum` is of all: the time that they were in flight.
    """

    address: str
    end_unix_s: int
    call_count: int
    error_count: int
    ok_ms_sum: float
    ok_ms_max: float
    busy_ms_sum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What one backend is to get. `weight`: 1 is an equal share of the backends that are in.

    `because`: what made it other than the policy asked for.
    """

    address: str
    place: Place
    weight: float
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRecord:
    """One pool of backends, as people want to read it.

    `carried`: what each way of carrying weights out did last. `weights` are those in force,
    `proposed` those that the policy would have where the mode lets nothing be written.
    """

    name: str
    namespace: str
    policy: PolicyName
    mode: str
    telemetry_age_s: float | None
    weights: tuple[Weight, ...]
    proposed: tuple[Weight, ...]
    carried: Mapping[str, str] = field(default_factory=dict)
