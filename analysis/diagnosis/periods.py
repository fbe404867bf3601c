"""Which requests tell what is normal, and which what went wrong.

What is normal differs from minute to minute: the mix of requests drifts, and somebody's earlier
trouble lingers. So the time before the onset is cut into stretches as long as what is judged, and
what is judged must be unlike every one of them.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from knowledge.diagnosis import Question

AFTER: Final = -1
"""The number of the period that is judged; stretches before it count from 0, the latest first."""
STRETCH_S_MAX: Final = 180.0
STRETCH_COUNT_MAX: Final = 8
"""Half an hour before the onset at most: of longer ago, other loads and releases are told."""
SETTLE_S: Final = 30.0
"""What was left out echoes: queues drain, caches fill, retries come in."""
HOLE_S: Final = 20.0
"""Silence this long ends a stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Begin and end of the judged period, and of each stretch before it; in nanoseconds."""

    after: tuple[int, int]
    stretches: tuple[tuple[int, int], ...]

    def number(self, time_unix_ns: pl.Expr) -> pl.Expr:
        """Return the period that each time lies in; null for none."""
        periods = ((AFTER, self.after), *enumerate(self.stretches))
        return pl.coalesce(
            pl.when(time_unix_ns.is_between(begin, end, closed="left")).then(number)
            for number, (begin, end) in periods
        ).cast(pl.Int8)


def periods_of(question: Question, times_unix_ns: pl.Series) -> Periods:
    """Cut the time before the onset into stretches, by where there is data at all."""
    onset = question.onset_unix_ns
    length = int(STRETCH_S_MAX * 1e9)
    settle = int(SETTLE_S * 1e9)
    seconds = (times_unix_ns.filter(times_unix_ns < onset) // 10**9).unique().sort(descending=True)
    stretches: list[tuple[int, int]] = []
    end = begin = onset
    for second in seconds.to_list():
        time = second * 10**9
        if any(out <= time < back + settle for out, back in question.leave_out):
            continue
        is_hole = begin - time > int(HOLE_S * 1e9)
        if is_hole or end - time > length:
            if begin < end:
                stretches.append((begin, end))
            end = time + 10**9 if is_hole else begin
            if len(stretches) == STRETCH_COUNT_MAX:
                break
        begin = time
    else:
        if begin < end:
            stretches.append((begin, end))
    return Periods(after=(onset, question.until_unix_ns), stretches=tuple(stretches))
