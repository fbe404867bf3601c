"""Who is named, from which signals, and when nobody is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from analysis.diagnosis.engine import diagnose
from analysis.diagnosis.telemetry import Telemetry, empty
from knowledge.diagnosis import Question

Shops = Callable[[], Any]
BEFORE, ONSET, UNTIL = 700, 1000, 1120


def _first(telemetry: Telemetry, question: Question) -> str:
    return diagnose(telemetry, question).suspects[0].service.name


@pytest.mark.parametrize("culprit", ["front", "cart", "catalog", "store"])
def test_the_service_that_became_slow_is_named_and_not_those_that_wait_for_it(
    new_shop: Shops, question: Question, culprit: str
) -> None:
    shop = new_shop().run(BEFORE, ONSET).run(ONSET, UNTIL, own_ms={culprit: 300.0})
    found = diagnose(shop.telemetry(), question)
    assert found.suspects[0].service.name == culprit
    assert found.finding == "cause"
    assert culprit in found.sentence


def test_a_slow_edge_to_a_leaf_is_the_leafs(new_shop: Shops, question: Question) -> None:
    shop = new_shop().run(BEFORE, ONSET).run(ONSET, UNTIL, gap_ms={("catalog", "store"): 300.0})
    assert _first(shop.telemetry(), question) == "store"


def test_a_node_all_of_whose_edges_are_slow_is_named_and_not_their_other_ends(
    new_shop: Shops, question: Question
) -> None:
    slow = {("front", "catalog"): 300.0, ("catalog", "store"): 300.0}
    shop = new_shop().run(BEFORE, ONSET).run(ONSET, UNTIL, gap_ms=slow)
    assert _first(shop.telemetry(), question) == "catalog"


def test_two_slow_requests_are_enough_if_they_are_much_slower_than_any_before(
    new_shop: Shops, question: Question
) -> None:
    shop = new_shop().run(BEFORE, ONSET).run(ONSET, ONSET + 2, own_ms={"store": 500.0})
    assert _first(shop.telemetry(), question) == "store"


def test_one_slow_request_names_nobody(new_shop: Shops, question: Question) -> None:
    shop = new_shop().run(BEFORE, ONSET).run(ONSET, ONSET + 1, own_ms={"store": 500.0})
    assert diagnose(shop.telemetry(), question).finding == "no cause in view"


def test_requests_that_end_early_blame_the_one_that_stopped_calling(
    new_shop: Shops, question: Question
) -> None:
    shop = new_shop().run(BEFORE, ONSET).run(ONSET, UNTIL, failing="catalog")
    found = diagnose(shop.telemetry(), question)
    assert found.suspects[0].service.name == "catalog"
    assert found.suspects[0].statements[0].witness == "behaviour"


def test_error_records_of_a_leaf_blame_it(new_shop: Shops, question: Question) -> None:
    shop = new_shop().run(BEFORE, ONSET, with_logs=True)
    shop.run(ONSET, UNTIL, failing="store", with_logs=True)
    assert _first(shop.telemetry(), question) == "store"


def test_missing_records_are_no_change(new_shop: Shops, question: Question) -> None:
    shop = new_shop().run(BEFORE, ONSET, with_logs=True).run(ONSET, UNTIL)
    found = diagnose(shop.telemetry(), question)
    assert found.finding == "no cause in view"


def test_cpu_alone_names_its_service(new_shop: Shops, question: Question) -> None:
    shop = new_shop()
    for second in range(BEFORE, UNTIL, 20):
        for service in ("front", "cart"):
            is_hot = service == "cart" and second >= ONSET
            shop.cpu(service, second, 0.9 if is_hot else 0.1)
    assert _first(shop.telemetry(), question) == "cart"


def test_nothing_wrong_names_nobody(new_shop: Shops, question: Question) -> None:
    found = diagnose(new_shop().run(BEFORE, UNTIL).telemetry(), question)
    assert found.finding == "no cause in view"
    assert found.confidence < 0.2


def test_nothing_at_all_names_nobody(question: Question) -> None:
    nothing = Telemetry(spans=empty("traces"), logs=empty("logs"), metrics=empty("metrics"))
    found = diagnose(nothing, question)
    assert (found.finding, found.suspects, found.confidence) == ("no cause in view", (), 0.0)


def test_a_time_before_the_onset_that_is_left_out_is_not_usual(
    new_shop: Shops, question: Question
) -> None:
    slow = {"store": 300.0}
    shop = new_shop().run(600, 700).run(700, 995, own_ms=slow).run(ONSET, UNTIL, own_ms=slow)
    asked = replace(question, leave_out=((700 * 10**9, 995 * 10**9),))
    assert diagnose(shop.telemetry(), question).finding != "cause"
    assert _first(shop.telemetry(), asked) == "store"


def test_a_hole_before_the_onset_is_no_cause(new_shop: Shops, question: Question) -> None:
    shop = new_shop().run(BEFORE, 800).run(940, UNTIL)
    assert diagnose(shop.telemetry(), question).finding == "no cause in view"


def test_the_answer_does_not_depend_on_the_order_of_rows(
    new_shop: Shops, question: Question
) -> None:
    shop = new_shop().run(BEFORE, ONSET, with_logs=True)
    told = shop.run(ONSET, UNTIL, own_ms={"store": 60.0}, with_logs=True).telemetry()
    shuffled = replace(told, spans=told.spans.sample(fraction=1.0, shuffle=True, seed=3))
    one, other = diagnose(told, question), diagnose(shuffled, question)
    assert [s.service for s in one.suspects] == [s.service for s in other.suspects]
    assert one.confidence == pytest.approx(other.confidence)


def test_names_and_kinds_of_spans_do_not_matter(new_shop: Shops, question: Question) -> None:
    told = new_shop().run(BEFORE, ONSET).run(ONSET, UNTIL, own_ms={"store": 300.0}).telemetry()
    plain = told.spans.with_columns(name=pl.lit("x").cast(pl.Categorical), kind=pl.lit(1, pl.UInt8))
    assert _first(replace(told, spans=plain), question) == "store"
