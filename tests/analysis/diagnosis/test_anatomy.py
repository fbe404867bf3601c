"""Each moment of a root belongs to exactly one span."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.diagnosis.anatomy import dissect
from analysis.diagnosis.telemetry import SLIM


def _spans(shape: list[tuple[int, int, int]]) -> pl.DataFrame:
    """Spans of one trace: each (parent before it, start offset, length), clipped to its parent."""
    rows: list[dict[str, Any]] = []
    for index, (parent, start, length) in enumerate(shape):
        above = rows[parent % index] if index else None
        begin = above["start_unix_ns"] + start if above else 0
        end = begin + (length if above else 100_000_000)
        if above:
            begin = min(begin, above["end_unix_ns"])
            end = min(end, above["end_unix_ns"])
        rows.append(
            {
                "trace": 1,
                "key": index + 1,
                "parent_key": above["key"] if above else 0,
                "service": f"shop/s{index % 3}",
                "pod": "p",
                "name": "n",
                "peer": "",
                "kind": 1,
                "is_error": False,
                "start_unix_ns": begin,
                "end_unix_ns": end,
            }
        )
    return pl.DataFrame(rows, schema=SLIM["traces"])


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 50_000_000), st.integers(0, 80_000_000)),
        min_size=1,
        max_size=30,
    )
)
def test_what_spans_take_of_their_root_sums_up_to_its_duration(
    shape: list[tuple[int, int, int]],
) -> None:
    spans = dissect(_spans(shape))
    taken = (spans["own_ms"] * spans["weight"]).sum()
    assert taken == pytest.approx(spans["duration_ms"][0], abs=1e-6)
    assert spans["root"].to_list() == [0] * len(shape)
    assert spans["own_ms"].min() >= 0  # type: ignore[operator]


def test_a_span_that_came_twice_counts_once() -> None:
    once = _spans([(0, 0, 0), (0, 10, 20)])
    assert dissect(pl.concat([once, once])).height == 2


def test_a_span_whose_child_is_another_service_waits_for_it() -> None:
    spans = dissect(_spans([(0, 0, 0), (0, 10, 20)]))
    assert spans["callee"].cast(pl.String).to_list() == ["shop/s1", None]
