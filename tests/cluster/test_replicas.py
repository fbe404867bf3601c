"""Two replicas on a genuine API server: one writes, the other takes over, nothing is done twice."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from healing.cluster.kube.subjects import fence_of
from tests.cluster import objects
from tests.cluster.place import Place
from tests.cluster.replicas import TAKEOVER_S, Brains, Stage, started, status
from tests.healing.cluster_contract import TARGET


@pytest.fixture
def stage(settled: Callable[[str], Place], tmp_path: Path) -> Stage:
    place = settled(TARGET)
    home = f"{place.namespace}-home"
    place.plane.admin.create("/api/v1/namespaces", objects.namespace(home, heal=False))
    # given up in order by one that was here before: nobody has to wait
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases"
    spec = {"leaseTransitions": 4, "leaseDurationSeconds": 13}
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
    place.plane.admin.create(leases, {**body, "metadata": {"name": "homeostat"}})
    return Stage(place, home, tmp_path, place.plane.kubeconfig)


def test_a_write_that_was_held_up_before_it_was_sent_never_takes_effect(stage: Stage) -> None:
    writer = stage.writer("before")
    try:
        memory, took_s = stage.succeed()
        assert took_s < TAKEOVER_S
        (outcome,) = memory.outcomes
        assert (outcome.status, outcome.reason) == (
            "conflict",
            "epoch 6 took over before it was written",
        )
        live = stage.place.get(TARGET)
        assert fence_of(live) == 6
        writer.signal(signal.SIGCONT)  # past its last check, it sends the patch now
        writer.wait_until(lambda: "outcome" in writer.log.read_text(), 20)
        assert "outcome conflict" in writer.log.read_text()
        assert stage.place.get(TARGET)["spec"] == live["spec"]
    finally:
        writer.stop(0)


def test_a_write_whose_answer_was_never_read_is_found_and_not_made_again(stage: Stage) -> None:
    writer = stage.writer("after")
    try:
        memory, took_s = stage.succeed()
        assert took_s < TAKEOVER_S
        (outcome,) = memory.outcomes
        assert (outcome.status, outcome.reason) == ("applied", "found")
        assert stage.place.get(TARGET)["spec"]["replicas"] == 3
        generation = stage.place.get(TARGET)["metadata"]["generation"]
        writer.signal(signal.SIGKILL)
        again, _ = stage.succeed()
        assert again.intents == memory.intents
        assert [o.status for o in again.outcomes] == ["applied"]
        assert stage.place.get(TARGET)["metadata"]["generation"] == generation
    finally:
        writer.stop(0)


@pytest.fixture
def brains(stage: Stage) -> Iterator[Brains]:
    made = started(stage, (stage.kubeconfig, stage.kubeconfig))
    yield made
    for process in made.processes:
        process.stop()


def test_of_two_brains_one_leads_and_the_other_takes_over(brains: Brains, stage: Stage) -> None:
    brains.wait_for("leader", "standby")
    leader = brains.roles().index("leader")
    standby = status(brains.urls[1 - leader])
    assert any(note.startswith("standing by: observing only") for note in standby["notes"])
    assert standby["halted"] is None
    first = brains.epoch()
    brains.processes[leader].signal(signal.SIGKILL)
    assert brains.wait_for("leader", "None") < TAKEOVER_S
    assert brains.epoch() == first + 1
    assert stage.lease()["leaseTransitions"] == first + 1
    # one that ends in order gives the lease up, and does not keep its successor waiting
    assert brains.processes[1 - leader].stop() == 0
    assert "holderIdentity" not in stage.lease()
