"""What counts as usual before an onset, and what of it has a veto."""

import polars as pl

from analysis.diagnosis.periods import AFTER, NEAR, periods_of
from knowledge.diagnosis import Question

S = 10**9
ONSET, UNTIL = 1000, 1180


def _question(*leave_out: tuple[int, int]) -> Question:
    return Question(
        onset_unix_ns=ONSET * S,
        until_unix_ns=UNTIL * S,
        leave_out=tuple((begin * S, end * S) for begin, end in leave_out),
    )


def _times(*stretches: tuple[int, int]) -> pl.Series:
    return pl.Series([second * S for begin, end in stretches for second in range(begin, end)])


def test_the_minute_before_the_onset_stands_apart_since_an_onset_may_be_late() -> None:
    periods = periods_of(_question(), _times((500, UNTIL)))
    times = pl.lit(_times((999, 1000), (941, 942), (939, 940), (ONSET, ONSET + 1)))
    numbers = pl.select(periods.number(times)).to_series()
    assert numbers.to_list() == [NEAR, NEAR, 0, AFTER]


def test_what_is_left_out_just_before_the_onset_is_not_usual_either() -> None:
    periods = periods_of(_question((900, 950)), _times((500, UNTIL)))
    assert periods.near == (980 * S, ONSET * S)  # the trouble's end, and what it takes to settle
    assert all(end <= 900 * S for _, end in periods.stretches)


def test_a_hole_before_the_onset_leaves_nothing_near() -> None:
    periods = periods_of(_question(), _times((500, 800), (ONSET, UNTIL)))
    assert periods.near == (ONSET * S, ONSET * S)
    assert periods.usual_s == sum(end - begin for begin, end in periods.stretches) / S > 250
