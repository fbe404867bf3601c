"""A set of numbers that is kept as ranges behaves as a set."""

from hypothesis import given
from hypothesis import strategies as st

from knowledge.sequences import Sequences


@given(st.lists(st.integers(1, 40)))
def test_it_holds_what_was_put_in_and_nothing_else(numbers: list[int]) -> None:
    known = Sequences()
    for number in numbers:
        known.add(number)
    back = Sequences.from_ranges(known.as_ranges())
    for number in range(42):
        assert (number in known) == (number in back) == (number in set(numbers))


@given(st.permutations(range(1, 200)))
def test_numbers_in_a_row_are_one_range_in_whatever_order_they_came(numbers: list[int]) -> None:
    known = Sequences()
    for number in numbers:
        known.add(number)
    assert known.as_ranges() == [[1, 199]]
