"""Watches whether this receiver can take telemetry, says so to probes, and narrows the gate."""

import sys
import threading
from collections.abc import Callable
from typing import Final

from receiver.counters import Counters
from receiver.pressure import OPEN_RATIOS, Level, Memory, give_back, level_of

PERIOD_S: Final = 0.5
GIVE_BACK_LOOKS: Final = 10
"""Looks between two returns of memory while the level stays. What is returned and wanted again is
faulted in page by page, at a millisecond a MiB."""


class Readiness:
    """Looks twice a second; `reason` is None while requests are taken."""

    def __init__(
        self,
        *,
        narrow: Callable[[float], None],
        counters: Counters,
        connected: Callable[[], bool],
        measure: Callable[[], Memory],
        tell: Callable[[bool], None],
    ) -> None:
        """`narrow` hears how far to open the gates, `tell` whether we are ready."""
        self._narrow = narrow
        self._counters = counters
        self._connected = connected
        self._measure = measure
        self._tell = tell
        self._level: Level = "normal"
        self._looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)
        self.reason: str | None = "starting"

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Say not ready, and look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._tell(False)  # noqa: FBT003 - its only argument

    def look(self) -> None:
        """Look once."""
        memory = self._measure()
        level = level_of(memory, self._level)
        if level != "normal" and self._may_give_back(level):
            give_back()
            memory = self._measure()
            level = level_of(memory, self._level)
        if level != self._level:
            used_mib, limit_mib = memory.used_bytes >> 20, memory.limit_bytes >> 20
            sys.stderr.write(f"receiver memory {level}: {used_mib} of {limit_mib} MiB\n")
            self._counters.add(f"memory_{level}")
            self._level = level
            self._narrow(OPEN_RATIOS[level])
        reason = None if self._connected() else "the analysis is not reachable"
        reason = "short of memory" if level == "hard" else reason
        if (reason is None) != (self.reason is None):
            sys.stderr.write(f"receiver {'ready' if reason is None else f'not ready: {reason}'}\n")
            self._tell(reason is None)
        self.reason = reason

    def _may_give_back(self, level: Level) -> bool:
        """Return whether pages are worth it now: those that are wanted again are dear."""
        if level == self._level and self._looks < GIVE_BACK_LOOKS:
            self._looks += 1
            return False
        self._looks = 0
        return True

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S if self.reason != "starting" else 0.0):
            self.look()
