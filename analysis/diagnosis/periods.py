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
NEAR: Final = -2
"""The number of the minute before the onset: it counts among what is usual, but has no veto."""
NEAR_S: Final = 60.0
"""What is taken for the onset is late by as long as detection takes: trouble may have begun."""
STRETCH_S_MAX: Final = 180.0
STRETCH_COUNT_MAX: Final = 8
"""Half an hour before the onset at most: of longer ago, other loads and releases are told."""
SETTLE_S: Final = 30.0
"""What was left out echoes: queues drain, caches fill, retries come in."""
HOLE_S: Final = 20.0
"""Silence this long ends a stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Begin and end of the judged period, of the time just before, and of each stretch before that.

    In nanoseconds.
    """

    after: tuple[int, int]
    near: tuple[int, int]
    stretches: tuple[tuple[int, int], ...]

    def number(self, time_unix_ns: pl.Expr) -> pl.Expr:
        """Return the period that each time lies in; null for none."""
        periods = ((AFTER, self.after), (NEAR, self.near), *enumerate(self.stretches))
        return pl.coalesce(
            pl.when(time_unix_ns.is_between(begin, end, closed="left")).then(number)
            for number, (begin, end) in periods
        ).cast(pl.Int8)

    @property
    def usual_s(self) -> float:
        """How long what is usual was seen."""
        return sum(end - begin for begin, end in (self.near, *self.stretches)) / 1e9


def periods_of(question: Question, times_unix_ns: pl.Series) -> Periods:
    """Cut the time before the onset into stretches, by where there is data at all."""
    onset = question.onset_unix_ns
    border = onset - int(NEAR_S * 1e9)
    settle = int(SETTLE_S * 1e9)
    seconds = (times_unix_ns.filter(times_unix_ns < onset) // 10**9).unique().sort(descending=True)
    times = [
        second * 10**9
        for second in seconds.to_list()
        if not any(out <= second * 10**9 < back + settle for out, back in question.leave_out)
    ]
    near = min((time for time in times if time >= border), default=onset)
    return Periods(
        after=(onset, question.until_unix_ns),
        near=(near, onset),
        stretches=_stretches([time for time in times if time < border], border),
    )


def _stretches(times_unix_ns: list[int], border_unix_ns: int) -> tuple[tuple[int, int], ...]:
    """Return stretches of at most so long, without holes, from the border back."""
    length = int(STRETCH_S_MAX * 1e9)
    stretches: list[tuple[int, int]] = []
    end = begin = border_unix_ns
    for time in times_unix_ns:
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
    return tuple(stretches)
