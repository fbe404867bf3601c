"""Quantiles of groups: exact, whatever the groups, the parts and the ties are."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.quantiles import DURATION_NS_MAX, quantiles

durations = st.integers(0, DURATION_NS_MAX)
parts = st.lists(st.tuples(st.integers(0, 5), st.lists(durations, min_size=1, max_size=20)))


def _of(
    groups: NDArray[np.int64], runs: list[NDArray[np.int64]], wanted: Sequence[float]
) -> NDArray[np.int64]:
    sizes = np.array([len(run) for run in runs], np.int64)
    return quantiles(groups, sizes, np.concatenate([np.empty(0, np.int64), *runs]), wanted)


@given(parts)
def test_each_quantile_is_the_nearest_of_the_sorted_group(
    found: list[tuple[int, list[int]]],
) -> None:
    dense = {group: number for number, group in enumerate(sorted({group for group, _ in found}))}
    groups = np.array([dense[group] for group, _ in found], np.int64)
    arrays = [np.array(part, np.int64) for _, part in found]
    table = _of(groups, arrays, (0.0, 0.5, 0.99, 1.0))
    assert len(table) == len(dense)
    for group, number in dense.items():
        values = sorted(value for other, part in found if other == group for value in part)
        wanted = [values[math.floor(q * (len(values) - 1) + 0.5)] for q in (0.0, 0.5, 0.99, 1.0)]
        assert table[number].tolist() == wanted


def test_a_duration_beyond_the_bound_counts_as_the_bound_and_stays_in_its_group() -> None:
    arrays = [np.array([2**62, -5], np.int64), np.array([7], np.int64)]
    table = _of(np.array([0, 1], np.int64), arrays, (0.0, 1.0))
    assert table.tolist() == [[0, DURATION_NS_MAX], [7, 7]]


def test_nothing_has_no_quantiles() -> None:
    assert _of(np.array([], np.int64), [], (0.5,)).shape == (0, 1)
