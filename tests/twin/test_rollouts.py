"""Deployments change as Kubernetes changes them: step by step, and never below what is wanted."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.twin.conftest import Story

Tell = Callable[..., "Story"]


def test_a_roll_keeps_all_replicas_available_and_surges_by_one(tell: Tell) -> None:
    story = tell().run(5)
    before = {pod.uid for pod in story.pods("catalog")}
    story.restart("catalog")
    assert story.workload("catalog").is_rolling
    for _ in range(80):
        story.run(0.5)
        assert story.workload("catalog").ready_replicas >= 4
        assert len(story.pods("catalog")) <= 5
    assert not story.workload("catalog").is_rolling
    after = {pod.uid for pod in story.pods("catalog")}
    assert len(after) == 4
    assert not before & after


def test_a_roll_loses_no_request(tell: Tell) -> None:
    story = tell().run(5)
    story.restart("cart")
    story.run(40)
    errors = [
        span
        for parcel in story.parcels
        for span in parcel.spans
        if span.shape.error_type.startswith("connection")
    ]
    assert not errors


def test_recreate_ends_the_old_pod_before_it_makes_the_new_one(tell: Tell) -> None:
    story = tell().run(5)
    old = story.pods("email")[0].uid
    story.restart("email")
    seen = set()
    for _ in range(20):
        story.run(0.5)
        pods = story.pods("email")
        assert len(pods) <= 1
        seen.add(story.workload("email").ready_replicas)
    assert seen == {0, 1}
    assert story.pods("email")[0].uid != old


def test_more_replicas_serve_only_after_they_have_started(tell: Tell) -> None:
    story = tell().run(5)
    story.scale("search", 4)
    assert len(story.pods("search")) == 4
    assert story.run(3).workload("search").ready_replicas == 2
    assert story.run(4).workload("search").ready_replicas == 4
    assert not story.workload("search").is_rolling
    serving = {p.source.pod for p in story.run(10).parcels if p.source.service == "search"}
    assert len(serving) == 4


def test_fewer_replicas_finish_what_they_have(tell: Tell) -> None:
    story = tell().run(5)
    story.scale("catalog", 2)
    assert story.workload("catalog").ready_replicas == 2
    story.run(10)
    assert len(story.pods("catalog")) == 2
    assert story.error_ratio("frontend") < 0.01


def test_a_roll_back_runs_the_older_release(tell: Tell) -> None:
    story = tell().run(5)
    story.roll_back("payment")
    story.run(30)
    workload = story.workload("payment")
    current = workload.current_revision()
    assert current is not None
    assert (workload.revision, current.version) == (1, "6.2.0")
    assert {pod.revision for pod in story.pods("payment")} == {1}
    versions = {p.source.version for p in story.run(5).parcels if p.source.service == "payment"}
    assert versions == {"6.2.0"}


def test_each_service_has_an_older_release_to_go_back_to(tell: Tell) -> None:
    story = tell()
    day_ns = 86_400 * 10**9
    for workload in story.world.report().workloads:
        assert workload.previous_revision(condemned=frozenset()) is not None
        ages_ns = [story.world.now_unix_ns - r.created_unix_ns for r in workload.revisions]
        assert min(ages_ns) > day_ns
        assert ages_ns == sorted(ages_ns, reverse=True)
