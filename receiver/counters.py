"""What this receiver has done since it started, by name; the brain shows it."""

import threading
from collections import Counter
from collections.abc import Mapping


class Counters:
    """Cumulative counts that many threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """Add to one count."""
        with self._lock:
            self._counts[name] += count

    def add_all(self, counts: Mapping[str, int]) -> None:
        """Add to several counts at once."""
        with self._lock:
            self._counts.update(counts)

    def snapshot(self) -> dict[str, int]:
        """Return all counts of this moment."""
        with self._lock:
            return dict(self._counts)
