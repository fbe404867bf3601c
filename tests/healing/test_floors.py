"""Overload under an autoscaler: its floor is raised, or a named reason says why not."""

from dataclasses import replace
from typing import Any

import pytest

from healing.guards import check
from healing.ledger import Ledger
from healing.plan import plan_recovery
from knowledge.cluster import Scaler, SetFloor
from knowledge.plans import ApprovedPlan, RecoveryPlan, Refused

SCALER = Scaler(
    kind="HorizontalPodAutoscaler",
    name="back",
    uid="h-1",
    resource_version="9",
    floor=2,
    ceiling=6,
)


@pytest.fixture
def scaled(world: Any) -> Any:
    """An overload of two pods whose replicas an autoscaler sets."""
    world.cause = replace(world.cause, arrival_ratio=2.4)
    world.pod = replace(world.pod, cpu_ratio=1.0)
    world.workload = replace(
        world.workload, scaler=SCALER, scaled_by="HorizontalPodAutoscaler back"
    )
    return world


def _plan(world: Any) -> RecoveryPlan | Refused:
    return plan_recovery(world.issue(), world.situation(), world.settings, Ledger())


def _check(world: Any, plan: RecoveryPlan) -> ApprovedPlan | Refused:
    return check(replace(world.asked(change=plan.change), plan=plan))


def test_the_floor_is_raised_and_can_be_put_back(scaled: Any) -> None:
    plan = _plan(scaled)
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, SetFloor)
    assert isinstance(plan.undo, SetFloor)
    assert (plan.change.floor_before, plan.change.floor) == (2, 4)
    assert (plan.undo.floor_before, plan.undo.floor) == (4, 2)
    assert plan.change.boost_s == scaled.settings.boost_s
    assert isinstance(_check(scaled, plan), ApprovedPlan)
    assert scaled.workload.token_of(plan.change) == "9"


def test_a_floor_is_never_above_the_ceiling(scaled: Any) -> None:
    scaled.workload = replace(scaled.workload, scaler=replace(SCALER, ceiling=3))
    plan = _plan(scaled)
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, SetFloor)
    assert plan.change.floor == 3


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        ({"ceiling": 2}, "no more than 2 fit"),
        ({"floor": 4}, "keeps at least 4 replicas already"),
        ({"steered_by": "Argo CD"}, "which is steered by Argo CD"),
    ],
)
def test_where_a_floor_would_not_help_it_is_said_why(
    scaled: Any, bend: dict[str, Any], reason: str
) -> None:
    scaled.workload = replace(scaled.workload, scaler=replace(SCALER, **bend))
    answer = _plan(scaled)
    assert isinstance(answer, Refused)
    assert reason in answer.reason


@pytest.mark.parametrize(
    ("scaler", "guard"),
    [
        (None, "no other controller"),
        (replace(SCALER, uid="h-2"), "no other controller"),
        (replace(SCALER, steered_by="Flux"), "no other controller"),
        (replace(SCALER, floor=3), "unmoved"),
        (replace(SCALER, ceiling=3), "within ceiling"),
    ],
)
def test_what_changed_since_the_plan_stops_the_write(
    scaled: Any, scaler: Scaler | None, guard: str
) -> None:
    plan = _plan(scaled)
    assert isinstance(plan, RecoveryPlan)
    scaled.workload = replace(scaled.workload, scaler=scaler)
    answer = _check(scaled, plan)
    assert isinstance(answer, Refused)
    assert answer.guard == guard
