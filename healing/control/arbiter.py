"""One word on one field: clamp(max(autoscaler, live floors), envelope).

All that want the replicas of the same workload meet here, so that no two parts of ours ever fight:
the autoscaler proposes, recoveries set floors that end, and the envelope, which a person fixed, has
the last word. A step is bounded too, so that a floor that ends, or a controller that errs, moves
the service slowly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a person allowed: bounds, and the largest step each way.

    `step_up_factor`: at most so many times the present replicas (one more is always allowed).
    `step_down_ratio`: at most this share fewer (one fewer is always allowed).
    """

    replicas_min: int
    replicas_max: int
    step_up_factor: float = 2.0
    step_down_ratio: float = 0.25

    def __post_init__(self) -> None:
        if not 1 <= self.replicas_min <= self.replicas_max:
            raise ValueError(
                f"min {self.replicas_min} and max {self.replicas_max}: expected 1 <= min <= max"
            )
        if self.step_up_factor < 1.0 or not 0.0 < self.step_down_ratio <= 1.0:
            raise ValueError("expected a step up of 1 or more and a step down in (0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Not fewer replicas than this until then, and who says so."""

    replicas: int
    until_unix_ns: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The replicas to have now; `reason` is why it is not what the autoscaler wanted, or empty."""

    replicas: int
    reason: str


def arbitrate(
    *,
    current: int,
    wanted: int | None,
    floors: Sequence[Floor],
    envelope: Envelope,
    now_unix_ns: int,
) -> Ruling:
    """Return the replicas that all wishes together come to.

    `wanted` None is an autoscaler that does not see: nothing is taken away then. No replicas at all
    is a person's decision, which is not overruled.
    """
    if current <= 0:
        return Ruling(replicas=current, reason="scaled to 0 by somebody: autoscaling is off")
    wish, reason = (current, "") if wanted is None else (wanted, "")
    live = [floor for floor in floors if floor.until_unix_ns > now_unix_ns]
    highest = max(live, key=lambda floor: floor.replicas, default=None)
    if highest is not None and highest.replicas > wish:
        wish, reason = highest.replicas, highest.reason
    bounded = min(max(wish, envelope.replicas_min), envelope.replicas_max)
    if bounded != wish:
        reason = f"{wish} is outside of {envelope.replicas_min} to {envelope.replicas_max}"
    if wanted is None and bounded < current:
        return Ruling(replicas=current, reason="what is not seen takes nothing away")
    upper = max(current + 1, math.floor(current * envelope.step_up_factor))
    lower = current - max(1, math.floor(current * envelope.step_down_ratio))
    stepped = min(max(bounded, lower), upper)
    if stepped != bounded:
        reason = f"{bounded} in steps: {stepped} now"
    return Ruling(replicas=stepped, reason=reason)
