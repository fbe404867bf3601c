"""The largest services are always known, in bounded memory, whatever names come."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from receiver.top_services import NAMES_MAX, TopServices, by_service


def test_the_large_ones_survive_a_flood_of_names() -> None:
    top = TopServices()
    for batch in range(200):
        flood = {("", f"noise-{batch}-{number}"): 1 for number in range(500)}
        top.add({("shop", "cart"): 50, **flood}, {("shop", "cart"): 1})
    first = top.told()[0]
    assert (first["namespace"], first["service"]) == ("shop", "cart")
    assert (first["accepted"], first["rejected"], first["inherited"]) == (10_000, 200, 0)
    assert len(top._tallies) == NAMES_MAX


@given(st.lists(st.tuples(st.sampled_from(["", "shop"]), st.sampled_from("abc")), max_size=30))
def test_rows_are_counted_by_service(rows: list[tuple[str, str]]) -> None:
    spaces, names = ([row[at] for row in rows] for at in (0, 1))
    columns = (pa.array(words, pa.string()).dictionary_encode() for words in (spaces, names))
    assert by_service(*columns) == Counter(rows)
