"""Two replicas on a genuine API server: one writes, the other takes over, nothing is done twice."""

import asyncio
import json
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from healing.cluster.kube.replicas import replicated
from healing.cluster.kube.settings import KubernetesSettings
from healing.cluster.kube.subjects import fence_of
from knowledge.memory import Memory
from tests.cluster import objects
from tests.cluster.place import Place
from tests.healing.cluster_contract import TARGET
from tests.parts.process import Process, free_port

TAKEOVER_S = 20.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stage:
    """A place with a target, and a namespace that two replicas call their own."""

    place: Place
    home: str
    folder: Path

    def lease(self) -> dict[str, Any]:
        """What the record says."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases/homeostat"
        spec: dict[str, Any] = self.place.plane.admin.get(path)["spec"]
        return spec

    def writer(self, point: str) -> Process:
        """A leader that stops itself around its write."""
        arguments = (str(self.place.plane.kubeconfig), self.place.namespace, self.home, point)
        command = (sys.executable, ROOT / "tests/cluster/writer.py", *arguments)
        environ = {"PYTHONPATH": str(ROOT)}
        writer = Process(command, log=self.folder / "writer.log", environ=environ)
        return writer.wait_until(lambda: "stopping" in writer.log.read_text())

    def succeed(self) -> tuple[Memory, float]:
        """Take over as another replica does; return what it goes on with, and how long it took."""

        async def run() -> tuple[Memory, float]:
            kubeconfig = self.place.plane.kubeconfig
            settings = KubernetesSettings(kubeconfig=kubeconfig, own_namespace=self.home)
            parts = replicated(settings, namespace=self.home, now_unix_ns=time.time_ns)
            leadership, began_s = parts.succession.leadership, time.monotonic()
            lease = asyncio.create_task(leadership.run())
            try:
                while leadership.epoch() is None:
                    await asyncio.sleep(0.05)
                took_s = time.monotonic() - began_s
                epoch = leadership.epoch()
                assert epoch is not None
                memory = await parts.succession.take_over(epoch, now_unix_ns=time.time_ns())
                await leadership.give_up()
                return memory, took_s
            finally:
                lease.cancel()
                await parts.cluster.close()
                await parts.api.close()

        return asyncio.run(run())


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
    return Stage(place, home, tmp_path)


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


@dataclass(frozen=True)
class Brains:
    """Two whole brains, each with its own journal and page."""

    processes: tuple[Process, Process]
    urls: tuple[str, str]

    def roles(self) -> tuple[str, str]:
        first, second = (str((_status(url) or {}).get("role")) for url in self.urls)
        return first, second

    def wait_for(self, *roles: str) -> float:
        began_s = time.monotonic()
        while sorted(self.roles()) != sorted(roles):
            assert time.monotonic() < began_s + 40, (roles, self.roles())
            time.sleep(0.1)
        return time.monotonic() - began_s

    def epoch(self) -> int:
        return max(int((_status(url) or {}).get("epoch", 0)) for url in self.urls)


@pytest.fixture
def brains(stage: Stage) -> Iterator[Brains]:
    processes, urls = [], []
    for name in ("one", "two"):
        web = f"127.0.0.1:{free_port()}"
        path = stage.folder / f"{name}.yaml"
        cluster = {
            "kind": "kubernetes",
            "kubeconfig": str(stage.place.plane.kubeconfig),
            "own_namespace": stage.home,
            "lease": True,
        }
        settings = {
            "state_dir": str(stage.folder / name),
            "status": {"listen": web},
            "knowledge": {"journal": str(stage.folder / f"{name}.db")},
            "cluster": cluster,
            "healing": {"namespaces": {stage.place.namespace: "auto"}},
            "analysis": {"window_s": 2.0, "pane_s": 1.0, "lateness_s": 0.0},
        }
        path.write_text(yaml.safe_dump(settings))
        command = (sys.executable, "-m", "homeostat", "brain", "--config", str(path))
        processes.append(Process(command, log=stage.folder / f"{name}.log"))
        urls.append(f"http://{web}/status")
    made = Brains((processes[0], processes[1]), (urls[0], urls[1]))
    yield made
    for process in processes:
        process.stop()


def test_of_two_brains_one_leads_and_the_other_takes_over(brains: Brains, stage: Stage) -> None:
    brains.wait_for("leader", "standby")
    leader = brains.roles().index("leader")
    standby = _status(brains.urls[1 - leader])
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


def _status(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None
