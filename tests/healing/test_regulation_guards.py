"""Each guard of regulation says no to what it is there for, and to nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from healing.autoscalers import AutoscalerSettings, RegulationSettings
from healing.control.arbiter import Floor
from healing.guards.regulation import REGULATION, Step, refusal
from healing.ledger import Ledger
from healing.maintenance import MaintenanceWindow
from healing.regulate import RegulationState, floors_of, recheck
from healing.settings import HealingSettings
from healing.state import HealingState
from knowledge.cluster import Scale, WriteIntent, WriteOutcome
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.orders import Pause
from knowledge.windows import Gap, gaps_table
from tests.healing.conftest import NOW, SECOND_NS, TARGET, World, symptom

AUTO = AutoscalerSettings(min=2, max=8)
BUSY = AutoscalerSettings(min=1, max=8)


def _intent(
    number: int = 1,
    *,
    age_s: float = 700.0,
    change: Scale | None = None,
    plan: str = "regulation",
    is_undo: bool = False,
) -> WriteIntent:
    return WriteIntent(
        id=f"reg-{number}",
        plan_id=plan,
        issue_id="",
        epoch=1,
        change=change or Scale(target=TARGET, replicas=3, replicas_before=2),
        resource_version="7",
        undo=None,
        is_undo=is_undo,
        created_unix_ns=NOW - int(age_s * SECOND_NS),
        profile="regulation",
    )


def _ledger(*intents: WriteIntent, status: Any = "applied") -> Ledger:
    ledger = Ledger()
    for intent in intents:
        ledger = ledger.with_intent(intent).with_outcome(
            WriteOutcome(intent_id=intent.id, status=status, reason="", finished_unix_ns=NOW)
        )
    return ledger


def _step(world: World, *, to: int = 4, **changes: Any) -> Step:
    base = Step(
        change=Scale(target=TARGET, replicas=to, replicas_before=2),
        autoscaler=AUTO if to >= 2 else BUSY,
        situation=world.situation(),
        settings=world.settings,
        ledger=Ledger(),
        in_hand=frozenset(),
        floors=(),
        volumes=(),
        foreign_until_unix_ns=0,
    )
    return replace(base, **changes)


def _refused_by(step: Step) -> str | None:
    found = refusal(step)
    return found[0] if found else None


def test_a_step_that_hurts_nobody_passes_all(world: World) -> None:
    assert refusal(_step(world)) is None
    assert refusal(_step(world, to=1)) is None
    assert len(REGULATION) == len({guard.__name__ for guard in REGULATION})


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({"is_opted_in": False}, "opted in"),
        ({"untouchable": "of Homeostat"}, "touchable"),
        ({"steered_by": "Argo CD"}, "no other controller"),
        ({"scaled_by": "ScaledObject shop/back"}, "no other controller"),
        ({"strategy": "Recreate"}, "deployment"),
        ({"is_rolling": True}, "no foreign rollout"),
        ({"replicas": 3}, "unmoved"),
        ({"replicas_max": 3}, "envelope"),
    ],
)
def test_what_the_cluster_says_of_the_target(
    world: World, changes: dict[str, Any], guard: str
) -> None:
    world.workload = replace(world.workload, **changes)
    assert _refused_by(_step(world)) == guard


def test_only_a_mode_of_auto_writes(world: World) -> None:
    world.settings = HealingSettings(namespaces={"shop": "suggest"})
    assert _refused_by(_step(world)) == "mode"
    world.settings = HealingSettings(mode="auto", actions={"scale": "observe"})
    assert _refused_by(_step(world)) == "mode"


def test_people_stop_an_autoscaler_as_they_stop_a_recovery(world: World) -> None:
    stopped = replace(world.situation(), stopped="the file stop is there")
    assert _refused_by(_step(world, situation=stopped)) == "not stopped"
    pause = Pause(
        id="p1",
        namespace=TARGET.namespace,
        workload="",
        reason="migration",
        by="ann",
        given_unix_ns=NOW,
        expires_unix_ns=None,
    )
    assert _refused_by(_step(world, pauses=(pause,))) == "not paused"
    always = (
        MaintenanceWindow(begins="00:00", ends="12:00"),
        MaintenanceWindow(begins="12:00", ends="00:00"),
    )
    settings = replace(world.settings, maintenance=always)
    assert _refused_by(_step(world, settings=settings)) == "no maintenance"


def test_a_gap_that_is_ours_takes_no_pods_away(world: World) -> None:
    situation = world.situation()
    gaps = gaps_table((Gap(start_unix_ns=0, end_unix_ns=NOW, reason="a receiver was killed"),))
    gap = replace(situation, tables=replace(situation.tables, gaps=gaps))
    assert _refused_by(_step(world, to=1, situation=gap)) == "whole window"
    assert _refused_by(_step(world, to=3, situation=gap)) is None


def test_a_cluster_that_is_silent_gone_or_old(world: World) -> None:
    world.report_age_s = 31.0
    assert _refused_by(_step(world)) == "fresh cluster"
    world.has_cluster = False
    assert _refused_by(_step(world)) == "opted in"
    world.has_cluster, world.is_gone = True, True
    assert _refused_by(_step(world)) == "opted in"


def test_a_statefulset_is_never_scaled(world: World) -> None:
    key = replace(TARGET, kind="StatefulSet")
    world.workload = replace(world.workload, key=key)
    change = Scale(target=key, replicas=3, replicas_before=2)
    assert _refused_by(_step(world, change=change)) == "deployment"


def test_a_recovery_at_work_and_somebody_elses_hand_come_first(world: World) -> None:
    assert _refused_by(_step(world, in_hand=frozenset({TARGET}))) == "no recovery"
    other = WorkloadKey(namespace="shop", kind="Deployment", name="x", uid="x")
    assert _refused_by(_step(world, in_hand=frozenset({other}))) is None
    assert _refused_by(_step(world, foreign_until_unix_ns=NOW + 1)) == "not foreign"
    assert _refused_by(_step(world, foreign_until_unix_ns=NOW)) is None


def test_a_storm_without_a_cause_is_not_steered_through(world: World) -> None:
    world.symptoms = tuple(
        symptom(2000.0, service=ServiceKey(namespace="shop", name=f"s{n}")) for n in range(5)
    )
    assert _refused_by(_step(world)) is None  # one cause explains it
    world.issue_changes = {"finding": "several causes"}
    assert _refused_by(_step(world)) == "no storm"


def test_telemetry_that_collapsed_takes_no_pods(world: World) -> None:
    volumes = ((NOW - 60 * SECOND_NS, 0), (NOW - 10 * SECOND_NS, 5000), (NOW, 5400))
    assert _refused_by(_step(world, to=1, volumes=volumes)) == "steady volume"
    assert _refused_by(_step(world, to=3, volumes=volumes)) is None


def test_pods_that_would_be_too_busy_stay(world: World) -> None:
    world.pod = replace(world.pod, cpu_ratio=0.45)
    assert _refused_by(_step(world, to=1)) == "room left"
    world.pod = replace(world.pod, cpu_ratio=None)
    assert _refused_by(_step(world, to=1)) == "room left"
    world.pod = replace(world.pod, cpu_ratio=0.4)
    assert _refused_by(_step(world, to=1)) is None


def test_a_pod_that_tells_nothing_is_not_idle(world: World) -> None:
    situation = world.situation()
    assert situation.cluster is not None
    known = situation.cluster.pods
    silent = tuple(replace(pod, cpu_ratio=None) for pod in known[1:])
    cluster = replace(situation.cluster, pods=(known[0], *silent))
    step = _step(world, to=1, situation=replace(situation, cluster=cluster))
    assert len(known) > 1
    assert _refused_by(step) == "room left"


def test_who_just_came_up_steers_nothing(world: World) -> None:
    assert _refused_by(_step(world, started_unix_ns=NOW - SECOND_NS)) == "quarantine"


@pytest.mark.parametrize("to", [5, 9])
def test_a_step_outside_of_the_envelope(world: World, to: int) -> None:
    assert _refused_by(_step(world, to=to)) == "envelope"


def test_below_the_least_that_a_person_fixed(world: World) -> None:
    assert _refused_by(_step(world, to=1, autoscaler=AUTO)) == "envelope"


def test_replicas_that_a_recovery_added_stay_until_they_are_taken_back(world: World) -> None:
    added = _intent(change=Scale(target=TARGET, replicas=4, replicas_before=2), plan="plan-1")
    (floor,) = floors_of(_ledger(added), TARGET, world.settings)
    assert (floor.replicas, floor.until_unix_ns) == (4, NOW + 200 * SECOND_NS)
    assert floors_of(_ledger(added, status="refused"), TARGET, world.settings) == ()
    undo = _intent(2, change=Scale(target=TARGET, replicas=2, replicas_before=4), plan="plan-1")
    undo = replace(undo, is_undo=True)
    assert floors_of(_ledger(added, undo), TARGET, world.settings) == ()
    down = _step(world, to=1, floors=(floor,))
    assert _refused_by(down) == "above floors"
    ended = replace(floor, until_unix_ns=NOW)
    assert _refused_by(replace(down, floors=(ended,))) is None


def test_a_floor_does_not_keep_from_adding(world: World) -> None:
    floor = Floor(replicas=8, until_unix_ns=NOW + 1, reason="")
    assert _refused_by(_step(world, floors=(floor,))) is None


def test_one_step_at_a_time_and_down_more_slowly(world: World) -> None:
    ledger = _ledger(_intent(age_s=9.0))
    assert _refused_by(_step(world, ledger=ledger)) == "rate"
    assert _refused_by(_step(world, ledger=ledger, intent_id="reg-1")) is None
    ledger = _ledger(_intent(age_s=11.0))
    assert _refused_by(_step(world, ledger=ledger)) is None
    assert _refused_by(_step(world, to=1, ledger=ledger)) == "rate"


def test_budgets_of_its_own(world: World) -> None:
    ledger = _ledger(*(_intent(n, age_s=100.0 + n) for n in range(3)))
    world.settings = replace(world.settings, regulation=RegulationSettings(write_count_max=3))
    assert _refused_by(_step(world, ledger=ledger)) == "target budget"
    few = RegulationSettings(cluster_write_count_max=3)
    world.settings = replace(world.settings, regulation=few)
    assert _refused_by(_step(world, ledger=ledger)) == "cluster budget"


def test_writes_that_come_to_nothing_are_given_up(world: World) -> None:
    failed = [_intent(n, age_s=100.0 + n) for n in range(3)]
    assert _refused_by(_step(world, ledger=_ledger(*failed, status="failed"))) == "failed tries"


def test_a_write_is_looked_at_again_at_its_moment(world: World) -> None:
    intent = _intent(age_s=0.0, change=Scale(target=TARGET, replicas=3, replicas_before=2))
    state = RegulationState(ledger=Ledger().with_intent(intent))
    answer = recheck(state, HealingState(), intent, world.situation(), world.settings)
    assert answer is not None
    assert answer.guard == "provenance"
