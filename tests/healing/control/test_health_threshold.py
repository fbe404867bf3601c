"""So many in a row decide; one swallow does not make a summer."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.control.health_threshold import Check, HealthThreshold, HealthThresholds

CHECKS: st.SearchStrategy[list[Check]] = st.lists(
    st.sampled_from(["passed", "failed", "inconclusive"]), max_size=40
)
COUNTS = st.integers(1, 5)


def _after(checks: list[Check], thresholds: HealthThresholds) -> HealthThreshold:
    known = HealthThreshold(thresholds=thresholds)
    for second, check in enumerate(checks):
        known = known.after(check, now_s=float(second))
    return known


@given(checks=CHECKS, unhealthy=COUNTS, healthy=COUNTS)
def test_the_last_row_that_was_long_enough_decides(
    checks: list[Check], unhealthy: int, healthy: int
) -> None:
    thresholds = HealthThresholds(unhealthy_count=unhealthy, healthy_count=healthy)
    wanted = "unknown"
    for kind, row in groupby(check for check in checks if check != "inconclusive"):
        length = len(list(row))
        if kind == "failed" and length >= unhealthy:
            wanted = "unhealthy"
        if kind == "passed" and length >= healthy:
            wanted = "healthy"
    assert _after(checks, thresholds).health(now_s=float(len(checks))) == wanted


@given(checks=CHECKS)
def test_what_was_not_learned_changes_nothing(checks: list[Check]) -> None:
    known = _after(checks, HealthThresholds())
    assert known.after("inconclusive", now_s=41.0) == known


def test_what_is_sick_comes_back() -> None:
    known = _after(["failed"] * 3, HealthThresholds())
    assert known.health(now_s=3.0) == "unhealthy"
    known = known.after("passed", now_s=3.0)
    assert known.health(now_s=3.0) == "unhealthy"
    assert known.after("passed", now_s=4.0).health(now_s=4.0) == "healthy"


def test_what_is_old_is_not_known_any_more_and_its_row_is_broken() -> None:
    known = _after(["failed"] * 3, HealthThresholds(stale_s=10.0))
    assert known.health(now_s=12.0) == "unhealthy"
    assert known.health(now_s=12.1) == "unknown"
    assert known.after("failed", now_s=13.0).health(now_s=13.0) == "unknown"


@pytest.mark.parametrize("wrong", [{"unhealthy_count": 0}, {"healthy_count": 0}, {"stale_s": 0.0}])
def test_thresholds_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        HealthThresholds(**wrong)  # type: ignore[arg-type]
