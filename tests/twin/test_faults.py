"""Each fault is felt, is cured by its right action and no wrong one, and never gives its name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from knowledge.codec import to_json
from twin.faults import FaultError
from twin.model import NS_PER_S
from twin.otlp import Encoder

if TYPE_CHECKING:
    from tests.twin.conftest import Story

Tell = Callable[..., "Story"]

FAULTS = (
    "overload",
    "bad_release",
    "slow_dependency",
    "memory_leak",
    "crash_loop",
    "dead_service",
)
CURES = {
    "overload": {"scale"},
    "bad_release": {"roll_back"},
    "slow_dependency": set[str](),
    "memory_leak": {"restart"},
    "crash_loop": {"restart"},
    "dead_service": {"restart"},
}
TRIALS = [
    (kind, action)
    for kind in FAULTS
    for action in ("scale", "restart", "roll_back")
    # where a restart cures, a roll-back does too: it makes new pods as well
    if not (action == "roll_back" and "restart" in CURES[kind])
]


def act(story: "Story", action: str, service: str) -> None:
    if action == "scale":
        outcome = story.scale(service, 2 * story.workload(service).replicas)
    elif action == "restart":
        outcome = story.restart(service)
    else:
        outcome = story.roll_back(service)
    assert outcome.status == "applied"


def cured_unix_ns(story: "Story") -> int | None:
    found: int | None = story.world.truth()["faults"][0]["cured_unix_ns"]
    return found


@pytest.mark.parametrize(("kind", "action"), TRIALS)
def test_a_fault_is_cured_by_its_right_action_only(tell: Tell, kind: str, action: str) -> None:
    story = tell().run(10)
    service = story.world.inject(kind).service
    story.run(30)
    assert cured_unix_ns(story) is None
    act(story, action, service)
    acted_unix_ns = story.world.now_unix_ns
    story.run(60)
    cured = cured_unix_ns(story)
    if action in CURES[kind]:
        assert cured is not None
        assert acted_unix_ns < cured < acted_unix_ns + 45 * NS_PER_S
    else:
        assert cured is None


@pytest.mark.parametrize(("kind", "action"), [("overload", "scale"), ("bad_release", "roll_back")])
def test_the_users_are_well_again_after_the_cure(tell: Tell, kind: str, action: str) -> None:
    story = tell().run(10)
    service = story.world.inject(kind).service
    story.run(40)
    assert story.p99_ms("frontend") > 1000.0 or story.error_ratio("frontend") > 0.05
    act(story, action, service)
    story.run(45).run(30)
    assert story.p99_ms("frontend") < 700.0
    assert story.error_ratio("frontend") < 0.01


@pytest.mark.parametrize("service", ["search", "recommendation"])
def test_an_overload_saturates_exactly_one_service(tell: Tell, service: str) -> None:
    story = tell().run(10)
    story.world.inject("overload", service)
    story.run(20)
    load = {name: s["utilisation"] for name, s in story.world.truth()["services"].items()}
    assert load.pop(service) == pytest.approx(1.3)
    assert max(load.values()) < 0.7
    assert all((pod.cpu_ratio or 0.0) > 0.95 for pod in story.pods(service))
    assert story.p99_ms("frontend") > 1000.0


def test_an_overload_comes_back_when_its_cure_is_undone(tell: Tell) -> None:
    story = tell().run(10)
    story.world.inject("overload", "search")
    story.run(20)
    story.scale("search", 4)
    assert cured_unix_ns(story.run(10)) is not None
    story.scale("search", 2)
    assert cured_unix_ns(story.run(10)) is None


def test_an_overload_needs_a_service_that_it_can_saturate_alone(tell: Tell) -> None:
    with pytest.raises(FaultError, match="saturates session alone"):
        tell().world.inject("overload", "session")


def test_a_bad_release_fails_in_new_pods_only_and_makes_its_callers_look_sick(tell: Tell) -> None:
    story = tell().run(10)
    story.world.inject("bad_release", "payment")
    workload = story.run(60).run(30).workload("payment")
    current = workload.current_revision()
    assert current is not None
    assert (workload.revision, workload.is_rolling, workload.ready_replicas) == (3, False, 2)
    assert current.created_unix_ns == story.world.truth()["faults"][0]["injected_unix_ns"]
    assert {pod.probe for pod in story.pods("payment")} == {"failed"}
    assert {p.source.version for p in story.parcels if p.source.service == "payment"} == {"6.4.0"}
    assert 0.45 < story.error_ratio("payment") < 0.75
    assert story.error_ratio("frontend") > 0.05
    assert story.error_ratio("checkout") > 0.2
    assert {pod.probe for pod in story.pods("checkout")} == {"ok"}


def test_a_slow_dependency_ends_by_itself(tell: Tell) -> None:
    story = tell().run(10)
    story.world.inject("slow_dependency", "inventory")
    story.run(60)
    assert story.p99_ms("inventory") > 1000.0
    assert all((pod.cpu_ratio or 0.0) < 0.7 for pod in story.pods("inventory"))
    story.run(250).run(20)
    assert story.p99_ms("inventory") < 500.0
    assert cured_unix_ns(story) is not None


def test_a_leaking_pod_slows_near_its_limit_and_is_then_killed(tell: Tell) -> None:
    story = tell().run(10)
    story.world.inject("memory_leak", "inventory")
    highest, slowest_ms = 0.0, 0.0
    while not any(pod.oom_killed for pod in story.pods("inventory")):
        story.run(5)
        highest = max(highest, *(pod.memory_ratio or 0.0 for pod in story.pods("inventory")))
        slowest_ms = max(slowest_ms, story.p99_ms("inventory"))
        assert story.world.truth()["faults"][0]["cured_unix_ns"] is None
    assert highest > 0.9
    assert slowest_ms > 1000.0
    killed = next(pod for pod in story.pods("inventory") if pod.oom_killed)
    assert killed.restart_count == 1


def test_crashing_pods_back_off_and_are_not_ready_meanwhile(tell: Tell) -> None:
    story = tell().run(10)
    story.world.inject("crash_loop", "payment")
    least_ready = 2
    for _ in range(60):
        story.run(1)
        least_ready = min(least_ready, story.workload("payment").ready_replicas)
    assert least_ready == 0
    assert all(pod.restart_count >= 2 for pod in story.pods("payment"))
    assert {pod.uid for pod in story.pods("payment")} == {
        pod.uid for pod in tell().run(10).pods("payment")
    }


def test_a_dead_service_refuses_connections_and_says_nothing(tell: Tell) -> None:
    story = tell().run(10)
    story.world.inject("dead_service", "payment")
    story.run(20).run(20)
    refused = [
        span
        for parcel in story.parcels
        if parcel.source.service == "checkout"
        for span in parcel.spans
        if span.shape.error_type == "connection_refused"
    ]
    assert len(refused) > 40
    assert {span.shape.peer for span in refused} == {"payment"}
    assert not story.server_spans("payment")
    assert not any(pod.ready for pod in story.pods("payment"))


def test_an_unknown_fault_or_service_is_refused(tell: Tell) -> None:
    story = tell()
    with pytest.raises(FaultError, match="unknown fault"):
        story.world.inject("earthquake")
    with pytest.raises(FaultError, match="unknown service"):
        story.world.inject("crash_loop", "warehouse")


@pytest.mark.parametrize("kind", FAULTS)
def test_the_seed_chooses_among_the_services_that_suit_a_fault(tell: Tell, kind: str) -> None:
    chosen = {tell(seed=seed).world.inject(kind).service for seed in range(12)}
    assert len(chosen) > 1
    assert not chosen & {"frontend", "email", "currency"}


@pytest.mark.parametrize("kind", FAULTS)
def test_neither_telemetry_nor_reports_name_a_fault(tell: Tell, kind: str) -> None:
    story = tell().run(5)
    story.world.inject(kind)
    story.run(45)
    said = to_json(story.world.report())
    for export in Encoder().exports(story.parcels):
        said += export.message.SerializeToString()
    lowered = said.lower()
    for word in (*FAULTS, "fault", "inject", "twin", "simulat"):
        for spelling in (word, word.replace("_", "-"), word.replace("_", " ")):
            assert spelling.encode() not in lowered, spelling
