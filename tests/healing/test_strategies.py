"""Strategies: the right change for the illness, with evidence, or a reason why not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.ledger import Ledger
from healing.plan import plan_recovery
from healing.strategies.scale_up import wanted_replicas
from knowledge.cluster import Restart, RollBackRelease, Scale, WriteIntent
from knowledge.plans import RecoveryPlan, Refused

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS


def _plan(world: Any) -> RecoveryPlan | Refused:
    return plan_recovery(world.issue(), world.situation(), world.settings, Ledger())


def _change(world: Any) -> Any:
    plan = _plan(world)
    assert isinstance(plan, RecoveryPlan), plan
    return plan.change


def _why_not(world: Any) -> str:
    answer = _plan(world)
    assert isinstance(answer, Refused)
    return f"{answer.guard}: {answer.reason}"


def _instance(uid: str, failed: int, mean_ms: float = 10.0) -> dict[str, Any]:
    return {
        "namespace": "shop",
        "service": "back",
        "version": "",
        "pod": uid,
        "pod_uid": uid,
        "span_count": 100,
        "error_count": failed,
        "latency_ms_mean": mean_ms,
        "own_error_count": failed,
    }


def _released(world: Any, *, probe: str = "failed", old_probe: str = "ok") -> Any:
    """A release 30 s ago, one pod of it beside one old pod, the issue 20 s old."""
    revisions = world.workload.revisions
    new = replace(revisions[1], created_unix_ns=NOW - 30 * SECOND_NS)
    world.workload = replace(world.workload, revisions=(revisions[0], new), is_rolling=True)
    world.pods = (
        replace(world.pod, uid="old", revision=1, probe=old_probe),
        replace(world.pod, uid="new", revision=2, probe=probe),
    )
    world.instances = (_instance("old", 1), _instance("new", 60))
    world.cause = replace(world.cause, kind="failing")
    return world


def _overloaded(world: Any, cpu_ratio: float = 1.0) -> Any:
    world.cause = replace(world.cause, arrival_ratio=2.4)
    world.pod = replace(world.pod, cpu_ratio=cpu_ratio)
    return world


def test_an_overload_is_met_with_more_replicas_and_can_be_taken_back(world: Any) -> None:
    plan = _plan(_overloaded(world))
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, Scale)
    assert (plan.change.replicas_before, plan.change.replicas) == (2, 4)
    assert isinstance(plan.undo, Scale)
    assert (plan.undo.replicas_before, plan.undo.replicas) == (4, 2)
    assert {fact.source for fact in plan.facts} == {"telemetry", "api"}


def test_grown_arrival_with_idle_pods_is_no_overload(world: Any) -> None:
    assert "no overload" in _why_not(_overloaded(world, cpu_ratio=0.5))


def test_busy_pods_without_grown_arrival_are_no_overload(world: Any) -> None:
    world.pod = replace(world.pod, cpu_ratio=1.0)
    assert "no overload" in _why_not(world)


def test_unknown_usage_is_no_evidence(world: Any) -> None:
    _overloaded(world).pod = replace(world.pod, cpu_ratio=None)
    assert "no CPU usage" in _why_not(world)


def test_a_full_workload_is_not_scaled_beyond_its_room(world: Any) -> None:
    _overloaded(world).workload = replace(world.workload, replicas_max=2)
    assert "no more than 2 fit" in _why_not(world)


def test_pods_that_run_out_of_memory_are_busy_without_an_overload(world: Any) -> None:
    """Arrivals are telemetry's word: clocks that were wrong for a while made them up."""
    _overloaded(world).pod = replace(world.pod, cpu_ratio=1.0, memory_ratio=0.95)
    assert "2 of 2 pods are at their memory limit" in _why_not(world)


@given(
    replicas=st.integers(1, 500),
    usage=st.floats(0.0, 1.5),
    replicas_max=st.integers(1, 500),
)
def test_a_step_up_is_bounded_and_never_down(
    replicas: int, usage: float, replicas_max: int
) -> None:
    wanted = wanted_replicas(replicas, usage, target=0.6, factor_max=2.0, replicas_max=replicas_max)
    assert replicas <= wanted <= max(replicas, min(2 * replicas, replicas_max))


def test_a_bad_release_is_rolled_back_to_the_one_before(world: Any) -> None:
    plan = _plan(_released(world))
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, RollBackRelease)
    assert (plan.change.revision_before, plan.change.revision) == (2, 1)
    assert [fact.source for fact in plan.facts] == ["telemetry", "api", "probe"]


def test_a_release_that_replaced_all_pods_is_judged_beside_the_time_before(world: Any) -> None:
    _released(world)
    world.pods, world.instances = world.pods[1:], world.instances[1:]
    assert isinstance(_change(world), RollBackRelease)


@pytest.mark.parametrize("probes", [("ok", "ok"), ("unknown", "ok"), ("failed", "failed")])
def test_telemetry_alone_rolls_nothing_back(world: Any, probes: tuple[str, str]) -> None:
    assert "telemetry alone" in _why_not(_released(world, probe=probes[0], old_probe=probes[1]))


def test_a_rollout_alone_is_not_an_illness(world: Any) -> None:
    _released(world).instances = (_instance("old", 60), _instance("new", 60))
    assert "no worse" in _why_not(world)


def test_a_release_after_the_issue_began_is_not_its_cause(world: Any) -> None:
    _released(world).issue_changes = {"opened_unix_ns": NOW - 60 * SECOND_NS}
    assert "older than release" in _why_not(world)


def test_a_first_release_has_nothing_to_go_back_to(world: Any) -> None:
    _released(world)
    world.workload = replace(world.workload, revisions=world.workload.revisions[1:])
    assert "no release to go back to" in _why_not(world)


@pytest.mark.parametrize(
    "illness",
    [
        {"memory_ratio": 0.95},
        {"probe": "failed"},
        {"ready": False},
    ],
)
def test_ill_pods_of_a_long_known_release_are_restarted(
    world: Any, illness: dict[str, Any]
) -> None:
    world.pod = replace(world.pod, **illness)
    plan = _plan(world)
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, Restart)
    assert plan.undo is None


def test_pods_that_nothing_speaks_against_are_left_alone(world: Any) -> None:
    assert "finds enough of its pods ill" in _why_not(world)


@pytest.mark.parametrize(
    "pods",
    [
        [{"oom_killed": True, "restart_count": 1}] * 4,  # they got over it
        [{"ready": False, "started_unix_ns": NOW - SECOND_NS}] * 4,  # they are only starting
        [{"probe": "failed"}, {}, {}, {}],  # one of many
    ],
)
def test_what_pods_got_over_or_only_one_has_replaces_none_of_them(
    world: Any, pods: list[dict[str, Any]]
) -> None:
    world.pods = tuple(
        replace(world.pod, uid=f"p-{index}", **changes) for index, changes in enumerate(pods)
    )
    assert "finds enough of its pods ill" in _why_not(world)


def test_an_overload_at_its_limit_is_not_answered_with_a_restart(world: Any) -> None:
    _overloaded(world)
    world.workload = replace(world.workload, replicas_max=2)
    world.pod = replace(world.pod, probe="failed")
    assert "would take room away" in _why_not(world)


def test_a_release_that_was_rolled_back_from_is_never_gone_back_to(world: Any) -> None:
    _released(world)
    one, two = world.workload.revisions
    three = replace(two, number=3)
    old = replace(two, created_unix_ns=0)
    world.workload = replace(world.workload, revisions=(one, old, three), revision=3)
    world.pods = (world.pods[0], replace(world.pods[1], revision=3))
    before = WriteIntent(
        id="a",
        plan_id="p",
        issue_id="i",
        epoch=1,
        change=RollBackRelease(target=world.workload.key, revision=1, revision_before=2),
        resource_version="1",
        undo=None,
        is_undo=False,
        created_unix_ns=0,
    )
    ledger = Ledger().with_intent(before)
    plan = plan_recovery(world.issue(), world.situation(), world.settings, ledger)
    assert isinstance(plan, RecoveryPlan)
    assert isinstance(plan.change, RollBackRelease)
    assert plan.change.revision == 1


def test_too_few_requests_say_nothing_about_a_release(world: Any) -> None:
    _released(world).instances = (
        _instance("old", 1),
        {**_instance("new", 5), "span_count": 10},
    )
    assert "no worse" in _why_not(world)


def test_a_new_release_is_not_restarted_to_hide_its_fault(world: Any) -> None:
    _released(world, probe="failed", old_probe="failed")
    assert "would hide its fault" in _why_not(world)


def test_without_a_clear_cause_nothing_is_planned(world: Any) -> None:
    world.issue_changes = {"finding": "no cause in view"}
    assert _why_not(world) == "cause: no cause in view"


def test_without_a_cluster_nothing_is_planned(world: Any) -> None:
    world.has_cluster = False
    assert _why_not(world).startswith("cluster:")


def test_a_cause_without_a_workload_cannot_be_treated(world: Any) -> None:
    world.cause = replace(world.cause, workload=None)
    assert "knows no workload" in _why_not(world)
