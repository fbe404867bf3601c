"""Notices when so many requests are refused that the windows no longer show what happened.

A refused request comes again, as a rule. But while a good part is refused nobody knows whether all
of it does in time, and what is missing must not be taken for a fault: such times are gaps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from knowledge.windows import Gap

REFUSED_RATIO_MAX: Final = 0.05
"""Of the requests that came: as the error ratio that is a symptom; less can hardly feign one."""

PERIOD_NS: Final = 5 * 10**9
REFUSED_BY_US: Final = (
    "refused_overloaded",
    "refused_over_share",
    "refused_memory",
    "refused_brain_full",
    "refused_handover_timeout",
    "refused_log_full",
    "refused_log_failed",
    "refused_broken",
)
"""Counters of refusals that are our doing; senders' own mistakes lose nothing of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    at_unix_ns: int
    requests: int
    refused: int


class Losses:
    """Compares the counters of each receiver with those of some seconds before."""

    def __init__(self, *, early_s: float) -> None:
        """`early_s`: how much older than its request a row can be."""
        self._early_ns = int(early_s * 1e9)
        self._seen: dict[str, _Seen] = {}

    def __len__(self) -> int:
        """Return how many receivers are remembered."""
        return len(self._seen)

    def forget(self, epoch: str) -> None:
        """Let go of a receiver that is no more."""
        self._seen.pop(epoch, None)

    def look(self, epoch: str, counters: Mapping[str, int], now_unix_ns: int) -> Gap | None:
        """Take a receiver's counters as of now; return the gap that they tell of."""
        refused = sum(counters.get(name, 0) for name in REFUSED_BY_US)
        now = _Seen(at_unix_ns=now_unix_ns, requests=counters.get("requests", 0), refused=refused)
        before = self._seen.setdefault(epoch, now)
        if now_unix_ns - before.at_unix_ns < PERIOD_NS:
            return None
        self._seen[epoch] = now
        share = (now.refused - before.refused) / max(1, now.requests - before.requests)
        if share <= REFUSED_RATIO_MAX:
            return None
        return Gap(
            start_unix_ns=before.at_unix_ns - self._early_ns,
            end_unix_ns=now_unix_ns,
            reason=f"a receiver refused {share:.0%} of the requests, for no fault of theirs",
        )
