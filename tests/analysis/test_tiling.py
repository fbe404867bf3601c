"""Of children that overlap, each moment of their owner's time belongs to one."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from analysis.tiling import taken_from

children = st.lists(
    st.tuples(st.integers(2**64 - 5, 2**64 - 1), st.integers(-(2**62), 2**62)), max_size=40
)


@given(children)
def test_it_is_the_earliest_beginning_of_the_same_owner_so_far(rows: list[tuple[int, int]]) -> None:
    rows.sort(key=lambda row: row[0])
    frame = pl.DataFrame(rows, schema={"owner": pl.UInt64, "begins": pl.Int64}, orient="row")
    wanted = frame.select(pl.col("begins").cum_min().shift(1).over("owner")).to_series()
    assert taken_from(frame["owner"], frame["begins"]).to_list() == wanted.to_list()
