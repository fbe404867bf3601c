"""What this receiver has done since it started, by name; the brain shows it (see /metrics).

requests, request_bytes (inflated), wire_bytes_TRANSPORT (as they came)
accepted_ITEMS_TRANSPORT, refused_ITEMS_TRANSPORT: items of requests that were decoded
reference_requests: decoded by protobuf alone, as ptars could not or was not to
refused_REASON: requests; rejected_REASON, repaired_WHAT: items
ack_count, ack_us_sum, ack_us_le_BOUND: time from a whole request to its acknowledgement
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from receiver.top_services import Service, TopServices

ACK_BOUNDS_US: Final = (
    *(1_000, 2_500, 5_000, 10_000, 25_000, 50_000),
    *(100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000),
)
_ACK_NAMES: Final = (*(f"ack_us_le_{bound}" for bound in ACK_BOUNDS_US), "ack_us_le_inf")


class Counters:
    """Cumulative counts that many threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._services = TopServices()

    def add(self, name: str, count: int = 1) -> None:
        """Add to one count."""
        with self._lock:
            self._counts[name] += count

    def add_all(self, counts: Mapping[str, int]) -> None:
        """Add to several counts at once."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def add_services(
        self, accepted: Mapping[Service, int], rejected: Mapping[Service, int]
    ) -> None:
        """Count items by the service that they speak of."""
        with self._lock:
            self._services.add(accepted, rejected)

    def snapshot(self) -> dict[str, Any]:
        """Return all counts of this moment, and under `services` the largest ones."""
        with self._lock:
            services = self._services.told()
            return {**self._counts, "services": services} if services else dict(self._counts)


def ack_counts(latencies_us: Iterable[int]) -> dict[str, int]:
    """Return what acknowledgements that took so long add to the counts."""
    counts: dict[str, int] = {"ack_count": 0, "ack_us_sum": 0}
    for latency_us in latencies_us:
        name = _ACK_NAMES[bisect_left(ACK_BOUNDS_US, latency_us)]
        counts[name] = counts.get(name, 0) + 1
        counts["ack_count"] += 1
        counts["ack_us_sum"] += latency_us
    return counts
