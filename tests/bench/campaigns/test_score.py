"""Every story that can be drawn can be scored; what is no fault is not asked to be seen."""

from collections.abc import Callable

import pytest

from bench.campaigns.draw import fault, lie, loss, storm
from bench.campaigns.run import Played
from bench.campaigns.scenario import Scenario
from bench.campaigns.score import is_visible, summary


def told(scenario: Scenario) -> Played:
    """The story as one in which nothing was done and nothing was wrong."""
    return Played(
        scenario=scenario,
        writes=(),
        faults=(),
        verdicts=(),
        fired_count=0,
        named=(),
        refused={},
        cpu_s=0.0,
    )


@pytest.mark.parametrize("draw", [loss, lie, fault, storm])
def test_every_story_can_be_scored(draw: Callable[[int], Scenario]) -> None:
    stories = [told(draw(seed)) for seed in range(200)]
    figures = summary(stories, allowed=frozenset())
    assert figures["stories"] == 200
    assert figures["faulty_and_visible"] == 0
    assert not any(row["visible"] for row in figures["by_kind"].values())


def test_a_sickness_that_nobody_is_left_to_tell_of_is_not_seen() -> None:
    seen = [is_visible(fault(seed)) for seed in range(100)]
    assert 50 < sum(seen) < 100
