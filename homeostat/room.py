"""How much room the brain has for rows, from its limit of memory and from what it takes now."""

from collections.abc import Callable
from typing import Final, Self

from analysis.settings import AnalysisSettings
from receiver.pressure import OPEN_RATIOS, Level, Memory, level_of, measure

LOOK_S: Final = 0.25
ROWS_RATIO: Final = 0.5
"""Of the memory that may be rows; the rest is what a tick takes, what is remembered, and the
process itself."""


class Room:
    """Says how many bytes of rows may be held; looks a few times a second."""

    def __init__(
        self,
        *,
        rows_bytes_max: int,
        measure: Callable[[], Memory],
        monotonic_s: Callable[[], float],
    ) -> None:
        """`rows_bytes_max`: what the settings allow, however much memory there is."""
        self._rows_bytes_max = rows_bytes_max
        self._measure = measure
        self._monotonic_s = monotonic_s
        self._next_look_s = 0.0
        self._level: Level = "normal"
        self._limit_bytes = 0

    @classmethod
    def of(cls, settings: AnalysisSettings, *, monotonic_s: Callable[[], float]) -> Self:
        """Return the room of this process."""
        return cls(
            rows_bytes_max=settings.buffer_bytes_max,
            measure=lambda: measure(settings.memory_bytes_max),
            monotonic_s=monotonic_s,
        )

    def rows_bytes(self) -> int:
        """Return how many bytes of rows may be held now; 0: take nothing more."""
        now_s = self._monotonic_s()
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_S
            memory = self._measure()
            self._level = level_of(memory, self._level)
            self._limit_bytes = memory.limit_bytes
        most = self._rows_bytes_max
        if self._limit_bytes:
            most = min(most, int(ROWS_RATIO * self._limit_bytes))
        return int(OPEN_RATIOS[self._level] * most)
