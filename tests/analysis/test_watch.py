"""Windows as time goes by: which are built after a start, and which have a gap."""

from typing import Any

import pytest

from analysis import watch
from analysis.buffers import Buffers
from analysis.settings import AnalysisSettings
from knowledge.windows import Gap, WindowTables

SETTINGS = AnalysisSettings(window_s=20, pane_s=5, lateness_s=0, lookback_s=5, retention_s=60)
SECOND_NS = 10**9


def _windows(buffers: Buffers, start_s: int, count: int, back_s: float = 0.0) -> list[WindowTables]:
    """Look every 5 s from `start_s` on."""
    state = watch.begin(now_unix_ns=start_s * SECOND_NS, settings=SETTINGS, back_s=back_s)
    tables = []
    for index in range(count):
        now = (start_s + 5 * index) * SECOND_NS
        slices = watch.due(state, buffers, now_unix_ns=now, settings=SETTINGS)
        state, table = watch.look(state, slices, settings=SETTINGS)
        tables.append(table)
    return tables


def _buffers(new_spans: Any, *ends_s: float) -> Buffers:
    buffers = Buffers(bytes_max=2**24, retention_s=60)
    for end_s in ends_s:
        spans = new_spans()
        spans.add("front", 0, end_s * 1000)
        buffers.add("traces", spans.table(), now_unix_ns=0, watermark_unix_ns=0)
    return buffers


@pytest.mark.parametrize(("back_s", "seen"), [(0.0, 0), (20.0, 3)])
def test_after_a_start_the_first_window_holds_what_was_given_back(
    new_spans: Any, back_s: float, seen: int
) -> None:
    buffers = _buffers(new_spans, 82, 88, 99)
    (first,) = _windows(buffers, 100, 1, back_s)
    assert sum(first.services["span_count"]) == seen


def test_each_window_that_touches_a_gap_says_so_and_no_other(new_spans: Any) -> None:
    buffers = _buffers(new_spans, 101, 106, 120, 140)
    gap = Gap(start_unix_ns=0, end_unix_ns=103 * SECOND_NS, reason="a start")
    buffers.mark_gap(gap)
    buffers.mark_gap(gap)  # told twice
    told = {
        table.end_unix_ns // SECOND_NS: table.gap
        for table in _windows(buffers, 100, 10)
        if table.end_unix_ns > 100 * SECOND_NS
    }
    # the window of 20 s, and 5 s before it in which calls are looked for
    assert told == {end: "a start" if end - 25 < 103 else None for end in range(105, 150, 5)}


def test_what_is_needed_reaches_as_far_back_as_a_successor_will_look() -> None:
    now = watch.begin(now_unix_ns=100 * SECOND_NS, settings=SETTINGS)
    successor = watch.begin(now_unix_ns=101 * SECOND_NS, settings=SETTINGS, back_s=20)
    lookback_ns = int(SETTINGS.lookback_s * SECOND_NS)
    assert watch.needed_since_unix_ns(now, SETTINGS) <= successor.next_unix_ns - lookback_ns


def test_rows_are_held_whatever_their_age_while_windows_are_yet_to_be_built(new_spans: Any) -> None:
    buffers = _buffers(new_spans, 10)
    buffers.hold(5 * SECOND_NS)
    buffers.trim(100 * SECOND_NS)
    assert buffers.slice("traces", 0, 100 * SECOND_NS).frame().height == 1
    buffers.hold(None)
    buffers.trim(100 * SECOND_NS)
    assert buffers.slice("traces", 0, 100 * SECOND_NS).frame().height == 0
