"""A quantile of a histogram lies between two values, and the true one is always there."""

from math import floor, inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.histograms import Histogram, added_up, quantile_ms

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
durations = st.lists(st.integers(1, 20 * 10**9), min_size=1, max_size=200)
"""Nanoseconds."""


def explicit(nanoseconds: list[int], *, is_old: bool = False, **more: Any) -> Histogram:
    """As an SDK counts: in seconds, or in milliseconds by old conventions."""
    scale = 1e3 if is_old else 1.0
    bounds = tuple(bound * scale for bound in BOUNDS_S)
    counts: dict[int, int] = {}
    for duration in nanoseconds:
        value = duration / 1e9 * scale
        place = next((i for i, bound in enumerate(bounds) if value <= bound), len(bounds))
        counts[place] = counts.get(place, 0) + 1
    unit_ms = 1.0 if is_old else 1e3
    return Histogram(shape=bounds, unit_ms=unit_ms, counts=counts, **more)


def exponential(nanoseconds: list[int], scale: int, **more: Any) -> Histogram:
    """By the definition in the data model, in seconds."""
    counts: dict[int, int] = {}
    for duration in nanoseconds:
        place = _index(duration / 1e9, scale)
        counts[place] = counts.get(place, 0) + 1
    return Histogram(shape=scale, unit_ms=1e3, counts=counts, **more)


def _index(value: float, scale: int) -> int:
    """The bucket with base^index < value <= base^(index + 1)."""
    base = 2.0 ** (2.0**-scale)
    place = floor(-200 * 2.0**scale)
    width = floor(400 * 2.0**scale)
    while width:
        half = width // 2
        if base ** (place + half + 1) < value:
            place, width = place + half + 1, width - half - 1
        else:
            width = half
    return place


def nearest_rank_ms(nanoseconds: list[int], wanted: float) -> float:
    return sorted(nanoseconds)[int((len(nanoseconds) - 1) * wanted + 0.5)] / 1e6


@given(durations, durations, st.sampled_from([0.5, 0.9, 0.99, 1.0]), st.integers(-2, 8))
def test_the_true_quantile_of_any_mixture_lies_in_the_interval(
    first: list[int], second: list[int], wanted: float, scale: int
) -> None:
    parts = [explicit(first), exponential(second, scale), explicit(second, is_old=True)]
    found = quantile_ms(parts, wanted)
    assert found is not None
    low, high = found
    true = nearest_rank_ms([*first, *second, *second], wanted)
    assert low <= true * (1 + 1e-9)
    assert true <= high * (1 + 1e-9)


@given(durations, st.integers(0, 8))
def test_an_exponential_histogram_is_as_exact_as_its_scale(
    nanoseconds: list[int], scale: int
) -> None:
    found = quantile_ms([exponential(nanoseconds, scale)], 0.99)
    assert found is not None
    low, high = found
    assert high / low <= 2.0 ** (2.0**-scale) * (1 + 1e-12)


@given(durations)
def test_an_explicit_one_says_its_bucket_and_no_more_than_the_largest(
    nanoseconds: list[int],
) -> None:
    largest = max(nanoseconds) / 1e9
    found = quantile_ms([explicit(nanoseconds, largest=largest)], 0.99)
    assert found is not None
    low, high = found
    assert low in (0, *(bound * 1e3 for bound in BOUNDS_S))
    assert high <= max(largest * 1e3, low) + 1e-6


@given(durations)
def test_the_unit_makes_no_difference(nanoseconds: list[int]) -> None:
    old, new = explicit(nanoseconds, is_old=True), explicit(nanoseconds)
    assert quantile_ms([old], 0.99) == quantile_ms([new], 0.99)


@given(durations, durations, st.integers(0, 6), st.integers(0, 3))
def test_what_was_added_is_the_difference_also_at_a_coarser_scale(
    before: list[int], later: list[int], scale: int, coarser: int
) -> None:
    earlier = exponential(before, scale + coarser, sum=sum(before) / 1e9)
    now = exponential([*before, *later], scale, sum=sum([*before, *later]) / 1e9)
    added = now.since(earlier)
    assert added is not None
    assert added.count == len(later)
    assert added.sum == pytest.approx(sum(later) / 1e9, abs=1e-6)
    # values at the edge of a bucket may be rounded into its neighbour at another scale
    assert quantile_ms([added], 0.5) == quantile_ms([exponential(later, scale)], 0.5)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({0: 3}, {0: 2}),
        ({0: 3, 4: 1}, {0: 3}),
        ({0: 3}, {}),
    ],
)
def test_fewer_than_before_is_a_reset(before: dict[int, int], now: dict[int, int]) -> None:
    earlier = Histogram(shape=BOUNDS_S, unit_ms=1e3, counts=before)
    assert Histogram(shape=BOUNDS_S, unit_ms=1e3, counts=now).since(earlier) is None


def test_other_bounds_units_and_finer_scales_do_not_go_on() -> None:
    one = Histogram(shape=BOUNDS_S, unit_ms=1e3, counts={0: 1})
    for other in (
        Histogram(shape=BOUNDS_S[1:], unit_ms=1e3, counts={0: 2}),
        Histogram(shape=BOUNDS_S, unit_ms=1.0, counts={0: 2}),
        Histogram(shape=3, unit_ms=1e3, counts={0: 2}),
    ):
        assert other.since(one) is None
    coarse = Histogram(shape=2, unit_ms=1e3, counts={0: 1})
    assert Histogram(shape=3, unit_ms=1e3, counts={0: 1, 1: 1}).since(coarse) is None


def test_zeros_are_smaller_than_all_others() -> None:
    some = Histogram(shape=0, unit_ms=1e3, counts={0: 1}, zero_count=99)
    assert quantile_ms([some], 0.5) == (0, 1000)
    only = Histogram(shape=0, unit_ms=1e3, counts={}, zero_count=3)
    assert quantile_ms([only], 0.5) == (0, 0)


def test_above_the_last_bound_there_is_no_upper_end_unless_the_largest_is_told() -> None:
    slow = Histogram(shape=(1.0,), unit_ms=1e3, counts={1: 5})
    assert quantile_ms([slow], 0.99) == (1000, inf)
    told = Histogram(shape=(1.0,), unit_ms=1e3, counts={1: 5}, largest=1.5)
    assert quantile_ms([told], 0.99) == (1000, 1500)
    assert quantile_ms(added_up([slow, told]), 0.99) == (1000, inf), "not told of all"
    assert quantile_ms([Histogram(shape=(), unit_ms=1.0, counts={0: 2}, largest=7.0)], 1.0) == (
        0,
        7,
    )


def test_without_values_there_is_no_quantile() -> None:
    assert quantile_ms([], 0.99) is None
    assert quantile_ms([Histogram(shape=3, unit_ms=1.0, counts={})], 0.99) is None


@given(st.integers(-10, 20), st.integers(-(2**31), 2**31 - 1), st.integers(1, 2**40))
def test_hostile_buckets_stay_numbers(scale: int, place: int, count: int) -> None:
    found = quantile_ms([Histogram(shape=scale, unit_ms=1e3, counts={place: count})], 0.99)
    assert found is not None
    assert 0 <= found[0] <= found[1] < inf
