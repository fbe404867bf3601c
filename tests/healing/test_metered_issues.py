"""Nothing is changed for what only histograms tell of, whatever the issue names as its cause."""

from dataclasses import replace
from typing import Any

import polars as pl

from healing.guards.evidence import clear_cause

TOLD = {
    "namespace": "shop",
    "service": "front",
    "metric": "http.server.request.duration",
    "request_count": 100,
    "error_count": 0,
    "error_ratio": 0.0,
    "request_per_s": 2.0,
    "covered_s": 60.0,
    "latency_ms_mean": None,
    "latency_ms_p99_low": 2500.0,
    "latency_ms_p99_high": 5000.0,
    "exemplars": [],
}


def asked(world: Any, service: str) -> Any:
    """The good plan, with the histograms of one service beside it."""
    found = world.asked()
    tables = found.situation.tables
    metered = pl.DataFrame([TOLD | {"service": service}], schema=tables.metered.schema)
    return replace(
        found, situation=replace(found.situation, tables=replace(tables, metered=metered))
    )


def test_an_issue_of_histograms_is_refused_though_it_names_a_cause(world: Any) -> None:
    reason = clear_cause(asked(world, "front"))
    assert reason == "shop/front is known by its histograms only: they tell of no cause"


def test_histograms_of_another_service_are_no_reason(world: Any) -> None:
    assert clear_cause(asked(world, "mail")) is None


def test_a_service_that_spans_tell_of_too_is_no_reason(world: Any) -> None:
    found = asked(world, "front")
    tables = found.situation.tables
    row = dict.fromkeys(tables.services.columns) | {
        "namespace": "shop",
        "service": "front",
    }
    spans = pl.DataFrame([row], schema=tables.services.schema)
    both = replace(found.situation, tables=replace(tables, services=spans))
    assert clear_cause(replace(found, situation=both)) is None


def test_what_is_down_is_not_told_by_histograms(world: Any, reading: Any) -> None:
    world.issue_changes = {"symptoms": (replace(reading(40.0), kind="ServiceDown"),)}
    assert clear_cause(asked(world, "front")) is None
