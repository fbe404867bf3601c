"""Stories around the whole service on simulated time."""

import asyncio

from bench.campaigns.run import Played, play
from bench.campaigns.scenario import Forgery, Happening, Scenario
from bench.campaigns.simulation import Simulation


def _played(scenario: Scenario, warm: Simulation) -> Played:
    return asyncio.run(play(scenario, warm))


def _fault(kind: str, service: str) -> Scenario:
    happening = Happening(kind=kind, at_s=15, service=service, is_fault=True)
    return Scenario(name=kind, seed=7, warm=1, length_s=200, happenings=(happening,))


def test_a_bad_release_is_rolled_back_and_a_copy_of_the_story_ends_alike(warm: Simulation) -> None:
    first = _played(_fault("bad_release", "catalog"), warm)
    assert [(w.kind, w.workload) for w in first.writes] == [("roll_back_release", "catalog")]
    assert [fault.cured_s is not None for fault in first.faults] == [True]
    assert [verdict.outcome for verdict in first.verdicts] == ["recovered"]
    again = _played(_fault("bad_release", "catalog"), warm)
    assert (again.writes, again.faults) == (first.writes, first.faults)


def test_a_lie_about_a_genuine_release_is_not_acted_upon(warm: Simulation) -> None:
    release = Happening(kind="good_release", at_s=15, service="orders", is_fault=False)
    forgery = Forgery(lie="new pods fail", victim="orders", begin_s=35, surge=1.5)
    scenario = Scenario(
        name="lie", seed=7, warm=1, length_s=110, happenings=(release,), forgery=forgery
    )
    played = _played(scenario, warm)
    assert played.fired_count == 1  # it was believed that something is wrong, and nothing done
    assert played.writes == ()
    assert sum(played.refused.values()) > 0
