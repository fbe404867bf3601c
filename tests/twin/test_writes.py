"""Writes test what their writer believed, and happen once."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from knowledge.cluster import Restart, RollBackRelease, Scale

if TYPE_CHECKING:
    from tests.twin.conftest import Story

Tell = Callable[..., "Story"]


def test_a_write_is_applied_and_read_back(tell: Tell) -> None:
    story = tell().run(1)
    before = story.workload("search")
    outcome = story.scale("search", 3)
    after = story.workload("search")
    assert outcome.status == "applied"
    assert outcome.finished_unix_ns == story.world.now_unix_ns
    assert after.replicas == 3
    assert after.resource_version != before.resource_version


def test_a_stale_resource_version_is_a_conflict(tell: Tell) -> None:
    story = tell()
    workload = story.workload("cart")
    stale = story.intent(Restart(target=workload.key))
    story.scale("cart", 4)
    outcome = story.world.write(stale)
    assert outcome.status == "conflict"
    assert "resourceVersion" in outcome.reason
    assert not story.workload("cart").is_rolling


def test_another_object_of_the_same_name_is_a_conflict(tell: Tell) -> None:
    story = tell()
    key = dataclasses.replace(story.workload("cart").key, uid="another")
    outcome = story.world.write(story.intent(Restart(target=key)))
    assert outcome.status == "conflict"
    assert "uid" in outcome.reason


def test_another_size_than_believed_is_a_conflict(tell: Tell) -> None:
    story = tell()
    key = story.workload("cart").key
    outcome = story.world.write(story.intent(Scale(target=key, replicas=5, replicas_before=2)))
    assert outcome.status == "conflict"
    assert "replicas are 3, not 2" in outcome.reason


def test_another_revision_than_believed_is_a_conflict(tell: Tell) -> None:
    story = tell()
    change = RollBackRelease(target=story.workload("cart").key, revision=1, revision_before=7)
    outcome = story.world.write(story.intent(change))
    assert outcome.status == "conflict"
    assert "revision is 2, not 7" in outcome.reason


def test_more_replicas_than_the_cluster_has_room_for_fail(tell: Tell) -> None:
    story = tell()
    outcome = story.scale("search", 7)
    assert outcome.status == "failed"
    assert story.workload("search").replicas == 2


def test_a_release_that_never_was_fails(tell: Tell) -> None:
    story = tell()
    change = RollBackRelease(target=story.workload("cart").key, revision=9, revision_before=2)
    assert story.world.write(story.intent(change)).status == "failed"


def test_a_workload_that_is_not_there_fails(tell: Tell) -> None:
    story = tell()
    key = story.workload("cart").key
    intent = story.intent(Restart(target=key))
    gone = Restart(target=dataclasses.replace(key, name="gone"))
    assert story.world.write(dataclasses.replace(intent, change=gone)).status == "failed"


def test_the_same_intent_twice_takes_effect_once(tell: Tell) -> None:
    story = tell()
    intent = story.intent(Restart(target=story.workload("cart").key))
    assert story.world.write(intent).status == "applied"
    after_first = story.workload("cart")
    assert story.world.write(intent).status == "applied"
    assert story.workload("cart") == after_first
    assert len(story.world.truth()["writes"]) == 1


def test_a_write_that_took_no_effect_may_be_tried_again(tell: Tell) -> None:
    story = tell()
    key = story.workload("cart").key
    change = Scale(target=key, replicas=5, replicas_before=4)
    intent = story.intent(change)
    assert story.world.write(intent).status == "conflict"
    story.scale("cart", 4)
    present = story.workload("cart").resource_version
    again = dataclasses.replace(intent, resource_version=present)
    assert story.world.write(again).status == "applied"
    assert story.workload("cart").replicas == 5
