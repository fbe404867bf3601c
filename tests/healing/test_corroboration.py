"""Two senders agree only if they were authenticated apart, saw enough, and say the same."""

from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from healing.guards.corroboration import corroboration
from knowledge.identity import ServiceKey
from knowledge.schemas import SENDERS
from knowledge.windows import WindowTables

BACK = ServiceKey(namespace="shop", name="back")
OWN = ("shop", "back", "server", "back-team", 100, 50, 1000.0)
CALLER = ("shop", "back", "caller", "web-team", 100, 55, 1100.0)


def tables(*rows: tuple[Any, ...]) -> WindowTables:
    told = [dict(zip(SENDERS.names, row, strict=True)) for row in rows]
    frame = pl.from_arrow(pa.Table.from_pylist(told, schema=SENDERS))
    assert isinstance(frame, pl.DataFrame)
    return replace(WindowTables.empty(0, 1), senders=frame)


def test_who_serves_and_who_calls_agree() -> None:
    fact = corroboration(tables(OWN, CALLER), BACK)
    assert fact is not None
    assert fact.source == "senders"
    assert "back-team and web-team" in fact.text
    assert "50% and 55% errors" in fact.text


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "other"),
        (1, "front"),
        (2, "server"),
        (3, "back-team"),  # one gateway spoke for both
        (4, 19),
        (5, 5),
        (6, 100.0),
        (6, 2500.0),
    ],
)
def test_anything_else_is_no_corroboration(place: int, value: Any) -> None:
    changed = (*CALLER[:place], value, *CALLER[place + 1 :])
    if place == 4:
        changed = (*CALLER[:4], 19, 10, CALLER[6])
    assert corroboration(tables(OWN, changed), BACK) is None
    assert corroboration(tables(OWN), BACK) is None
    assert corroboration(tables(), BACK) is None
