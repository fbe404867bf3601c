"""Which sequence numbers of one receiver are known: nearly all in a row, so kept as ranges."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Self


class Sequences:
    """A set of numbers from 1 on; 100,000 in a row take as much memory as one."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._first, number) - 1
        return place >= 0 and number <= self._last[place]

    def add(self, number: int) -> None:
        """Put a number in."""
        if number in self:
            return
        place = bisect_right(self._first, number)
        grows = place > 0 and self._last[place - 1] == number - 1
        meets = place < len(self._first) and self._first[place] == number + 1
        if grows and meets:
            self._last[place - 1] = self._last.pop(place)
            del self._first[place]
        elif grows:
            self._last[place - 1] = number
        elif meets:
            self._first[place] = number
        else:
            self._first.insert(place, number)
            self._last.insert(place, number)

    def as_ranges(self) -> list[list[int]]:
        """Return [first, last] of each run, for JSON."""
        return [list(pair) for pair in zip(self._first, self._last, strict=True)]

    @classmethod
    def from_ranges(cls, ranges: Sequence[Sequence[int]]) -> Self:
        """Read them back; they come from a process of ours, in order."""
        known = cls()
        known._first = [int(first) for first, _ in ranges]
        known._last = [int(last) for _, last in ranges]
        return known
