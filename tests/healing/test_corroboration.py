"""Two senders count if they were authenticated apart, saw enough, and say the same illness."""

from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from healing.guards.corroboration import corroboration
from healing.guards.evidence import hard_evidence
from knowledge.identity import ServiceKey
from knowledge.issues import Symptom
from knowledge.plans import Fact
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


def sick(kind: str = "HighErrorRate", limit: float = 0.05, **bent: Any) -> Symptom:
    """What the service is held to be sick of."""
    return replace(
        Symptom(
            kind=kind,  # type: ignore[arg-type]  # tests name it as text
            service=BACK,
            health="unhealthy",
            value=2 * limit,
            limit=limit,
            baseline=None,
            unit="",
            sample_count=100,
            is_entry=False,
            evidence=(),
            exemplars=(),
        ),
        **bent,
    )


def test_who_serves_and_who_calls_agree() -> None:
    fact = corroboration(tables(OWN, CALLER), BACK, [sick()])
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
        (3, ""),  # nobody was asked who they are
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
    assert corroboration(tables(OWN, changed), BACK, [sick()]) is None
    assert corroboration(tables(OWN), BACK, [sick()]) is None
    assert corroboration(tables(), BACK, [sick()]) is None


@pytest.mark.parametrize(
    "symptom",
    [
        sick(limit=0.6),  # both see fewer errors than that
        sick("HighLatency", 2000.0),  # it takes half as long by both
        sick("ServiceDown", 30.0),
        sick(health="healthy"),
        sick(service=ServiceKey(namespace="shop", name="front")),
    ],
)
def test_two_that_agree_on_traffic_but_not_on_the_illness_are_no_corroboration(
    symptom: Symptom,
) -> None:
    assert corroboration(tables(OWN, CALLER), BACK, [symptom]) is None
    assert corroboration(tables(OWN, CALLER), BACK, []) is None


def test_both_must_find_it_slow() -> None:
    fact = corroboration(tables(OWN, CALLER), BACK, [sick("HighLatency", 900.0)])
    assert fact is not None
    assert "1000 and 1100 ms" in fact.text
    slower = (*CALLER[:6], 1300.0)
    assert corroboration(tables(OWN, slower), BACK, [sick("HighLatency", 1200.0)]) is None


@pytest.mark.parametrize(("errors", "is_enough"), [(50, True), (0, False)])
def test_the_gate_hears_senders_at_the_moment_of_the_write(
    world: Any, *, errors: int, is_enough: bool
) -> None:
    told = Fact(source="telemetry", text="it fails")
    world.symptoms = (sick(),)
    asked = world.asked(facts=(told,))
    rows = ((*OWN[:5], errors, OWN[6]), (*CALLER[:5], errors, CALLER[6]))
    asked = replace(asked, situation=replace(asked.situation, tables=tables(*rows)))
    refusal = hard_evidence(asked)
    assert (refusal is None) is is_enough
    assert is_enough or "authenticated apart" in str(refusal)


def test_what_a_plan_says_that_senders_said_does_not_count(world: Any) -> None:
    facts = (Fact(source="telemetry", text="it fails"), Fact(source="senders", text="so they say"))
    assert hard_evidence(world.asked(facts=facts)) is not None
