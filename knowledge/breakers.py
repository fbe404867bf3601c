"""Calls that are held back because what they ask does not answer."""

from dataclasses import dataclass
from typing import Literal

CallKind = Literal["read", "watch", "event", "review", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRecord:
    """One breaker around one kind of calls. `held_back_count`: calls not made, since the start."""

    calls: CallKind
    mode: Literal["closed", "open", "half_open"]
    held_back_count: int
    reason: str
