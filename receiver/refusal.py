"""Why a request is refused: a value, until one place turns it into a protocol's answer."""

from dataclasses import dataclass
from typing import Final, Literal

Reason = Literal[
    "overloaded",
    "over_share",
    "memory",
    "brain_absent",
    "brain_full",
    "handover_timeout",
    "log_full",
    "log_failed",
    "unauthenticated",
    "malformed",
    "too_large",
    "too_many_items",
    "broken",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`reason` is counted and decides the answer's code; `message` is for the sender's log.

    overloaded, over_share, memory, brain_absent, brain_full, handover_timeout, log_full,
    log_failed: not now, try again.
    unauthenticated: it does not show who sends it.
    malformed, too_large, too_many_items: the request is at fault, trying again is no use.
    broken: a bug of ours.
    """

    reason: Reason
    message: str


NO_MEMORY: Final = Refusal(reason="memory", message="the receiver is short of memory")
