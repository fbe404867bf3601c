"""The end of boosts: in time, only where it is not missed, and never below what was there."""

from dataclasses import replace
from typing import Any

import pytest

from healing.boosts import plans_to_end
from healing.guards import BOOST_END_GUARDS, check
from healing.recheck import recheck
from healing.settings import HealingSettings
from healing.state import HealingState
from healing.step import step
from knowledge.boosts import boost_after
from knowledge.cluster import Scale, Scaler, SetFloor, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.plans import RecoveryPlan, Refused
from tests.healing.conftest import NOW, SECOND_NS, boost, calm

TARGET = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="w-back")
SCALER = Scaler(
    kind="HorizontalPodAutoscaler",
    name="back",
    uid="h",
    resource_version="3",
    floor=4,
    ceiling=8,
)


def planned(world: Any) -> RecoveryPlan | Refused:
    (answer,) = plans_to_end(calm(world), world.settings)
    return answer


def test_room_that_is_not_needed_any_more_is_taken_back(boosted: Any) -> None:
    plan = planned(boosted)
    assert isinstance(plan, RecoveryPlan)
    assert plan.change == Scale(target=TARGET, replicas=2, replicas_before=4)
    assert isinstance(plan.undo, Scale)
    assert plan.undo.boost_s == boosted.settings.boost_s


@pytest.mark.parametrize(
    ("usage", "left_s", "since_s", "is_ended"),
    [
        (0.25, 600.0, 600.0, True),
        (0.25, 600.0, 60.0, False),  # added just now
        (0.35, 600.0, 600.0, False),  # 70 % on two pods: above what a scaled workload comes to
        (0.35, -1.0, 600.0, True),  # but its time is over, and two pods can do it
        (0.45, -1.0, 600.0, False),  # its time is over, and two pods would be full: it stays
        (None, -1.0, 600.0, False),
    ],
)
def test_when_a_boost_ends(
    boosted: Any, usage: float | None, left_s: float, since_s: float, *, is_ended: bool
) -> None:
    boosted.pods = tuple(replace(pod, cpu_ratio=usage) for pod in boosted.pods)
    boosted.workload = replace(boosted.workload, boost=boost(since_s=since_s, left_s=left_s))
    assert isinstance(planned(boosted), RecoveryPlan) is is_ended


def test_much_room_is_taken_back_in_steps_as_large_as_those_up(boosted: Any) -> None:
    held = replace(boost(), after=8)
    boosted.workload = replace(boosted.workload, replicas=8, ready_replicas=8, boost=held)
    boosted.pods = tuple(
        replace(boosted.pod, name=f"back-{i}", uid=f"p-{i}", cpu_ratio=0.1) for i in range(8)
    )
    plan = planned(boosted)
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, Scale)
    assert (plan.change.replicas_before, plan.change.replicas) == (8, 4)
    rest = boost_after(plan.change, held, action_id="act-2", at_unix_ns=NOW)
    assert rest is not None
    assert (rest.before, rest.after, rest.expires_unix_ns) == (2, 4, held.expires_unix_ns)


def test_a_pod_that_tells_no_usage_keeps_the_boost(boosted: Any) -> None:
    first, *others = boosted.pods
    boosted.pods = (replace(first, cpu_ratio=None), *others)
    assert isinstance(planned(boosted), Refused)


def test_what_a_person_changed_since_stays(boosted: Any) -> None:
    boosted.workload = replace(boosted.workload, replicas=5)
    answer = planned(boosted)
    assert isinstance(answer, Refused)
    assert "somebody else's" in answer.reason


def test_a_raised_floor_goes_back_when_its_time_is_over(boosted: Any) -> None:
    held = boost(of="floor", left_s=1.0)
    boosted.workload = replace(boosted.workload, scaler=SCALER, scaled_by="HPA", boost=held)
    assert isinstance(planned(boosted), Refused)
    over = boost(of="floor", left_s=-1.0)
    boosted.workload = replace(boosted.workload, boost=over)
    plan = planned(boosted)
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, SetFloor)
    assert (plan.change.floor, plan.change.floor_before) == (2, 4)


@pytest.mark.parametrize(
    ("bend", "guard"),
    [
        ({"issues": True}, "all is well"),
        ({"trace_age_s": 600.0}, "fresh telemetry"),
        ({"report_age_s": 600.0}, "fresh cluster"),
        ({"is_warm": False}, "warm windows"),
        ({"settings": HealingSettings(namespaces={"shop": "suggest"})}, "mode"),
        ({"in_flight": 1}, "in flight"),
    ],
)
def test_nothing_is_taken_away_while_anything_is_unclear(
    boosted: Any, bend: dict[str, Any], guard: str
) -> None:
    plan = planned(boosted)
    assert isinstance(plan, RecoveryPlan)
    for name, value in bend.items():
        if hasattr(boosted, name):
            setattr(boosted, name, value)
    asked = replace(
        boosted.asked(change=plan.change, in_flight=bend.get("in_flight", 0)), plan=plan
    )
    if "issues" not in bend:
        asked = replace(asked, situation=replace(asked.situation, issues=(), symptoms=()))
    answer = check(asked, BOOST_END_GUARDS)
    assert isinstance(answer, Refused)
    assert answer.guard == guard


def test_the_end_of_a_boost_is_written_once_and_spends_no_budget(boosted: Any) -> None:
    state, output = step(
        HealingState(), calm(boosted), (), settings=boosted.settings, is_planning_due=True
    )
    (intent,) = output.intents
    assert intent.is_undo
    assert recheck(state, intent, calm(boosted), boosted.settings) is None
    assert state.ledger.spent(since_unix_ns=0) == ()
    state, output = step(state, calm(boosted), (), settings=boosted.settings, is_planning_due=True)
    assert output.intents == ()


def test_the_last_look_refuses_where_the_room_is_needed_again(boosted: Any) -> None:
    state, output = step(
        HealingState(), calm(boosted), (), settings=boosted.settings, is_planning_due=True
    )
    boosted.pods = tuple(replace(pod, cpu_ratio=0.9) for pod in boosted.pods)
    answer = recheck(state, output.intents[0], calm(boosted), boosted.settings)
    assert isinstance(answer, Refused)
    assert answer.guard == "boost"


def test_room_that_is_missed_is_given_back(boosted: Any) -> None:
    state, output = step(
        HealingState(), calm(boosted), (), settings=boosted.settings, is_planning_due=True
    )
    (intent,) = output.intents
    done = WriteOutcome(intent_id=intent.id, status="applied", reason="", finished_unix_ns=NOW)
    boosted.workload = replace(boosted.workload, replicas=2, ready_replicas=2, boost=None)
    boosted.now_unix_ns = NOW + 20 * SECOND_NS
    sick = replace(
        boosted.situation(),
        issues=(replace(boosted.issue(), state="pending", opened_unix_ns=NOW + SECOND_NS),),
    )
    state, output = step(state, sick, (done,), settings=boosted.settings, is_planning_due=False)
    assert [verdict.outcome for verdict in output.verdicts] == ["worse"]
    (again,) = output.intents
    assert isinstance(again.change, Scale)
    assert (again.change.replicas_before, again.change.replicas) == (2, 4)


def test_room_that_nobody_misses_is_gone_for_good(boosted: Any) -> None:
    state, output = step(
        HealingState(), calm(boosted), (), settings=boosted.settings, is_planning_due=True
    )
    done = WriteOutcome(
        intent_id=output.intents[0].id, status="applied", reason="", finished_unix_ns=NOW
    )
    boosted.workload = replace(boosted.workload, replicas=2, ready_replicas=2, boost=None)
    boosted.now_unix_ns = NOW + int(boosted.settings.verify_timeout_s * SECOND_NS)
    state, output = step(
        state, calm(boosted), (done,), settings=boosted.settings, is_planning_due=True
    )
    assert [verdict.outcome for verdict in output.verdicts] == ["recovered"]
    assert output.intents == ()
