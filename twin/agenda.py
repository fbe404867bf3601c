"""What happens next: the one ordered list of the event engine, and the simulated time."""

import heapq
from collections.abc import Callable
from typing import Any


class Agenda:
    """Runs what is due in order of time, and of arrangement where times are equal."""

    __slots__ = ("_arranged", "_due", "now_unix_ns")

    def __init__(self, now_unix_ns: int) -> None:
        self.now_unix_ns = now_unix_ns
        self._due: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._arranged = 0

    def after(self, delay_ns: int, act: Callable[[Any], None], subject: Any) -> None:
        """Arrange `act(subject)` for `delay_ns` from now."""
        self._arranged += 1
        heapq.heappush(self._due, (self.now_unix_ns + delay_ns, self._arranged, act, subject))

    def run_until(self, unix_ns: int) -> None:
        """Do all that is due up to and including `unix_ns`, then let it be that time."""
        due = self._due
        while due and due[0][0] <= unix_ns:
            self.now_unix_ns, _, act, subject = heapq.heappop(due)
            act(subject)
        self.now_unix_ns = max(self.now_unix_ns, unix_ns)
