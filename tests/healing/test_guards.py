"""Guards: each says no to exactly what it is there for, with a reason that names it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from healing.guards import GUARDS, UNDO_GUARDS, check
from healing.ledger import Ledger
from healing.settings import HealingSettings
from knowledge.cluster import Restart, RollBackRelease, Scale, WriteIntent, WriteOutcome
from knowledge.identity import WorkloadKey
from knowledge.plans import ApprovedPlan, Fact, Refused, Verdict
from knowledge.windows import Gap

SECOND_NS = 10**9
NOW = 10_000 * SECOND_NS
TARGET = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="w-back")


def _other(name: str, namespace: str = "shop") -> WorkloadKey:
    return WorkloadKey(namespace=namespace, kind="Deployment", name=name, uid=f"w-{name}")


def _ledger(*past: tuple[WorkloadKey, float, str | None], status: str = "applied") -> Ledger:
    """Past restarts: (target, seconds ago, verdict)."""
    ledger = Ledger()
    for index, (target, ago_s, verdict) in enumerate(past):
        intent = WriteIntent(
            id=f"i{index}",
            plan_id=f"p{index}",
            issue_id="x",
            epoch=1,
            change=Restart(target=target),
            resource_version="1",
            undo=None,
            is_undo=False,
            created_unix_ns=NOW - int(ago_s * SECOND_NS),
        )
        ledger = ledger.with_intent(intent).with_outcome(
            WriteOutcome(
                intent_id=intent.id,
                status=status,  # type: ignore[arg-type]  # tests name it as text
                reason="",
                finished_unix_ns=intent.created_unix_ns,
            )
        )
        if verdict:
            ledger = ledger.with_verdict(
                Verdict(
                    plan_id=intent.plan_id,
                    issue_id="x",
                    outcome=verdict,  # type: ignore[arg-type]  # tests name it as text
                    evidence=(),
                    decided_unix_ns=NOW,
                )
            )
    return ledger


def _refusal(asked: Any) -> str:
    answer = check(asked)
    return answer.guard if isinstance(answer, Refused) else "approved"


def test_a_good_plan_passes_all_guards(world: Any) -> None:
    answer = check(world.asked())
    assert isinstance(answer, ApprovedPlan)
    assert len(answer.guards) == len(GUARDS)


WORLDS: list[tuple[str, dict[str, Any]]] = [
    ("mode", {"settings": HealingSettings()}),
    ("mode", {"settings": HealingSettings(mode="suggest")}),
    ("mode", {"settings": HealingSettings(mode="auto", namespaces={"shop": "observe"})}),
    ("mode", {"settings": HealingSettings(mode="auto", actions={"scale": "suggest"})}),
    ("opted in", {"is_gone": True}),
    ("unexpired", {"now_unix_ns": NOW + 61 * SECOND_NS}),
    ("fresh cluster", {"report_age_s": 31.0}),
    ("fresh telemetry", {"trace_age_s": 61.0}),
    ("fresh telemetry", {"trace_age_s": None}),
    ("warm windows", {"is_warm": False}),
    ("whole window", {"gaps": (Gap(start_unix_ns=0, end_unix_ns=NOW, reason="a disk"),)}),
    ("still firing", {"issue_changes": {"id": "another"}}),
    ("still firing", {"issue_changes": {"state": "pending"}}),
    ("still firing", {"issue_changes": {"healthy_since_unix_ns": 1}}),
    ("still firing", {"symptoms": ()}),
    ("clear cause", {"issue_changes": {"finding": "several causes"}}),
    ("clear cause", {"issue_changes": {"causes": ()}}),
]


@pytest.mark.parametrize(("guard", "bent"), WORLDS)
def test_each_guard_says_no_to_its_own(world: Any, guard: str, bent: dict[str, Any]) -> None:
    for name, value in bent.items():
        setattr(world, name, value)
    assert _refusal(world.asked()) == guard


@pytest.mark.parametrize(
    ("guard", "changes"),
    [
        ("opted in", {"is_opted_in": False}),
        ("no other controller", {"steered_by": "HorizontalPodAutoscaler back"}),
        ("no foreign rollout", {"is_rolling": True}),
        ("bearable", {"strategy": "Recreate"}),
        ("bearable", {"replicas": 1}),
        ("no other controller", {"scaled_by": "KEDA ScaledObject back"}),
        ("touchable", {"untouchable": "namespace of Homeostat itself"}),
        ("bearable", {"key": replace(TARGET, kind="StatefulSet")}),
        ("bearable", {"key": replace(TARGET, kind="DaemonSet")}),
        ("unmoved", {"replicas": 3}),
    ],
)
def test_the_target_must_bear_it(world: Any, guard: str, changes: dict[str, Any]) -> None:
    world.workload = replace(world.workload, **changes)
    target = world.workload.key
    asked = world.asked(change=Scale(target=target, replicas=4, replicas_before=2))
    assert _refusal(asked) == guard


def test_a_weak_cause_is_no_ground_to_act(world: Any) -> None:
    world.cause = replace(world.cause, confidence=0.3)
    assert _refusal(world.asked()) == "clear cause"


def test_a_rollout_may_be_interrupted_only_by_its_own_roll_back(world: Any) -> None:
    world.workload = replace(world.workload, is_rolling=True)
    back = RollBackRelease(target=TARGET, revision=1, revision_before=2)
    assert _refusal(world.asked(change=back)) == "approved"
    stale = RollBackRelease(target=TARGET, revision=1, revision_before=3)
    assert _refusal(world.asked(change=stale)) == "no foreign rollout"


@pytest.mark.parametrize(
    "facts",
    [
        (Fact(source="telemetry", text="a"), Fact(source="telemetry", text="b")),
        (Fact(source="api", text="a"),),
    ],
)
def test_evidence_needs_telemetry_and_what_no_sender_can_forge(
    world: Any, facts: tuple[Fact, ...]
) -> None:
    assert _refusal(world.asked(facts=facts)) == "hard evidence"


def test_a_roll_back_needs_more_than_the_rollout_itself(world: Any) -> None:
    change = RollBackRelease(target=TARGET, revision=1, revision_before=2)
    facts: tuple[Fact, ...] = (
        Fact(source="telemetry", text="worse"),
        Fact(source="api", text="a new release"),
    )
    assert _refusal(world.asked(change=change, facts=facts)) == "hard evidence"
    facts = (*facts, Fact(source="probe", text="it fails"))
    assert _refusal(world.asked(change=change, facts=facts)) == "approved"


LEDGERS: list[tuple[str, Callable[[], Ledger]]] = [
    ("target cooldown", lambda: _ledger((TARGET, 599, "recovered"))),
    ("approved", lambda: _ledger((TARGET, 601, "recovered"))),
    ("breaker", lambda: _ledger((TARGET, 3000, "unchanged"), (TARGET, 2000, "worse"))),
    ("approved", lambda: _ledger((TARGET, 3000, "unchanged"), (TARGET, 2000, "recovered"))),
    ("approved", lambda: _ledger((TARGET, 9000, "worse"), (TARGET, 8000, "worse"))),
    ("namespace budget", lambda: _ledger(*[(_other("a"), 500, "recovered")] * 3)),
    ("cluster budget", lambda: _ledger(*[(_other("a", "elsewhere"), 3000, "recovered")] * 10)),
    ("blast radius", lambda: _ledger((_other("a"), 3000, None), (_other("b"), 2000, None))),
]


@pytest.mark.parametrize(("guard", "ledger"), LEDGERS)
def test_stop_figures(world: Any, guard: str, ledger: Callable[[], Ledger]) -> None:
    assert _refusal(world.asked(ledger=ledger())) == guard


def test_three_disruptive_actions_on_a_target_need_a_person(world: Any, restart: Restart) -> None:
    world.settings = replace(world.settings, target_cooldown_s=0.0)
    ledger = _ledger(*[(TARGET, ago, "recovered") for ago in (1700.0, 1200.0, 700.0)])
    assert _refusal(world.asked(change=restart, ledger=ledger)) == "target disruption"
    assert _refusal(world.asked(ledger=ledger)) == "approved"  # scaling disrupts nobody


def test_a_re_created_workload_of_the_same_name_keeps_its_history(world: Any) -> None:
    ledger = _ledger((replace(TARGET, uid="w-older"), 100, "recovered"))
    assert _refusal(world.asked(ledger=ledger)) == "target cooldown"


@pytest.mark.parametrize("status", ["refused", "conflict", "failed"])
def test_what_surely_did_not_happen_spends_no_budget(world: Any, status: str) -> None:
    assert _refusal(world.asked(ledger=_ledger((TARGET, 5, None), status=status))) == "approved"


@pytest.mark.parametrize("status", ["applied", "unknown"])
def test_what_is_retry_spends_budget(world: Any, status: str) -> None:
    ledger = _ledger((TARGET, 5, None), status=status)
    assert _refusal(world.asked(ledger=ledger)) == "target cooldown"


def test_writes_that_come_to_nothing_are_not_tried_for_ever(world: Any) -> None:
    ledger = _ledger(*[(TARGET, 5, None)] * 3, status="conflict")
    assert _refusal(world.asked(ledger=ledger)) == "failed tries"


def test_only_one_action_awaits_its_verdict(world: Any) -> None:
    assert _refusal(world.asked(in_flight=1)) == "in flight"


def test_a_storm_without_one_cause_is_only_observed(world: Any, reading: Any) -> None:
    services = [replace(world.cause.service, name=f"s{i}") for i in range(5)]
    world.symptoms += tuple(reading(2000.0, service=service) for service in services[:3])
    world.symptoms += tuple(
        reading(1.0, health="healthy", service=service) for service in services[3:]
    )
    assert _refusal(world.asked()) == "approved"  # one cause explains them
    world.issue_changes = {"finding": "several causes"}
    assert _refusal(world.asked()) == "no storm"


def test_collapsing_telemetry_is_only_observed(world: Any) -> None:
    # 100 spans a second, then half of that for ten seconds: seen at once, not after a window
    steady = tuple((NOW - ago_s * SECOND_NS, 10_000 - 100 * ago_s) for ago_s in range(70, 5, -5))
    assert _refusal(world.asked(volumes=(*steady, (NOW, 9_499)))) == "steady volume"
    assert _refusal(world.asked(volumes=(*steady, (NOW, 9_501)))) == "approved"


def test_of_a_few_spans_chance_alone_may_lose_half(world: Any) -> None:
    steady = tuple((NOW - ago_s * SECOND_NS, 70 - ago_s) for ago_s in range(70, 5, -5))
    assert _refusal(world.asked(volumes=(*steady, (NOW, 60)))) == "steady volume"
    rare = tuple((NOW - ago_s * SECOND_NS, 7 - ago_s // 10) for ago_s in range(70, 5, -5))
    assert _refusal(world.asked(volumes=(*rare, (NOW, 6)))) == "approved"


def test_an_undo_spends_no_budget_but_still_needs_permission(world: Any) -> None:
    asked = world.asked(ledger=_ledger((TARGET, 5, "worse")), in_flight=3)
    assert isinstance(check(asked, UNDO_GUARDS), ApprovedPlan)
    world.settings = HealingSettings()
    assert isinstance(check(world.asked(), UNDO_GUARDS), Refused)


def test_who_sets_the_replicas_has_no_word_in_restarts(world: Any) -> None:
    world.workload = replace(world.workload, scaled_by="HorizontalPodAutoscaler back")
    assert isinstance(check(world.asked(change=Restart(target=TARGET))), ApprovedPlan)


def test_who_keeps_the_release_has_no_word_in_the_replicas(world: Any) -> None:
    world.workload = replace(world.workload, released_by="Helm release back")
    assert isinstance(check(world.asked()), ApprovedPlan)
    back = RollBackRelease(target=TARGET, revision=1, revision_before=2)
    answer = check(world.asked(change=back))
    assert isinstance(answer, Refused)
    assert answer.reason == f"the release of {TARGET} is kept by Helm release back"
