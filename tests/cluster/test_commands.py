"""The service and its commands as their user runs them, against a genuine API server."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from knowledge.cluster import Cluster, Scale, WriteIntent, WriteOutcome
from knowledge.journal import Journal
from tests.cluster.place import Place
from tests.healing.cluster_contract import TARGET, intent_of
from tests.parts.kube import KubeError
from tests.parts.metrics_api import ROOT, MetricsApi, Used
from tests.parts.process import Process, free_port


@pytest.fixture
def config(settled: Callable[[str], Place], tmp_path: Path) -> tuple[Place, Path, str]:
    """A cluster, and the settings of a service beside it."""
    place, web = settled(TARGET), f"127.0.0.1:{free_port()}"
    settings = {
        "state_dir": str(tmp_path / "state"),
        "status": {"listen": web},
        "knowledge": {"journal": str(tmp_path / "journal.db")},
        "cluster": {"kind": "kubernetes", "kubeconfig": str(place.plane.kubeconfig)},
        "healing": {"namespaces": {place.namespace: "auto"}},
        "analysis": {"window_s": 2.0, "pane_s": 1.0, "lateness_s": 0.0},
    }
    path = tmp_path / "homeostat.yaml"
    path.write_text(yaml.safe_dump(settings))
    return place, path, f"http://{web}/status"


def idle(place: Place) -> MetricsApi:
    """A metrics API that knows all pods of the place, which have little to do."""
    metrics = MetricsApi.register(place.plane)
    pods = place.plane.admin.get(place.path("pods", group="v1"))["items"]
    metrics.used = tuple(
        Used(
            namespace=place.namespace,
            pod=pod["metadata"]["name"],
            container="app",
            cpu_cores=0.1,
            memory_bytes=2.0**26,
        )
        for pod in pods
    )

    def is_served() -> bool:
        try:
            return bool(place.plane.admin.get(f"{ROOT}/pods")["items"])
        except KubeError:
            return False

    place.until(is_served)
    return metrics


def _homeostat(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "homeostat", *arguments],
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_doctor_says_what_could_be_done_and_why_not(config: tuple[Place, Path, str]) -> None:
    place, path, _ = config
    done = _homeostat("doctor", "--config", str(path))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if f"{place.namespace}/{TARGET}" in line]
    assert len(lines) == 4
    refused = [line for line in lines if "yes" not in line]
    assert len(refused) == 1
    assert "no autoscaler sets its replicas" in refused[0]
    other = [line for line in done.stdout.splitlines() if "mode is observe" in line]
    assert place.namespace not in " ".join(other)


def test_unwind_takes_back_what_is_in_force(config: tuple[Place, Path, str]) -> None:
    place, path, _ = config

    async def act(cluster: Cluster) -> None:
        workload = place.workload(await cluster.report(), TARGET)
        change = Scale(target=workload.key, replicas=4, replicas_before=2)
        await cluster.write(intent_of(workload, change))

    place.do(act)
    done = _homeostat("unwind", "--config", str(path))
    assert done.returncode == 0, done.stderr
    assert f"{place.namespace}/{TARGET}: replicas 4 back to 2: applied" in done.stdout
    assert place.get(TARGET)["spec"]["replicas"] == 2
    journal = Journal.open(path.parent / "journal.db", read_only=True)
    told = journal.unwound()
    journal.close()
    (intent,) = [
        each
        for each in told
        if isinstance(each, WriteIntent) and each.change.target.namespace == place.namespace
    ]
    assert intent.is_undo
    after = told[told.index(intent) + 1]
    assert isinstance(after, WriteOutcome)
    assert (after.intent_id, after.status) == (intent.id, "applied")
    assert f"{place.namespace}/{TARGET}" not in _homeostat("unwind", "--config", str(path)).stdout


def test_a_boost_past_its_time_is_taken_back_without_our_memory(
    config: tuple[Place, Path, str],
) -> None:
    place, path, _ = config
    before = place.get(TARGET)

    async def act(cluster: Cluster) -> None:
        workload = place.workload(await cluster.report(), TARGET)
        for boost_s, name, replicas in ((3600.0, "long", 3), (60.0, "over", 4)):
            workload = place.workload(await cluster.report(), TARGET)
            change = Scale(
                target=workload.key,
                replicas=replicas,
                replicas_before=workload.replicas,
                boost_s=boost_s,
            )
            intent = replace(
                intent_of(workload, change, name=name),
                created_unix_ns=time.time_ns() - 100 * 10**9,
            )
            assert (await cluster.write(intent)).status == "applied"
            if name == "long":
                told = _homeostat("unwind", "--expired", "--config", str(path)).stdout
                assert f"{place.namespace}/" not in told

    place.do(act)
    blind = _homeostat("unwind", "--expired", "--config", str(path))
    assert blind.returncode == 1
    assert "the cluster reports no CPU usage of its pods" in blind.stdout
    assert place.get(TARGET)["spec"]["replicas"] == 4
    metrics = idle(place)
    try:
        done = _homeostat("unwind", "--expired", "--config", str(path))
    finally:
        metrics.unregister(place.plane)
        metrics.close()
    assert done.returncode == 0, done.stdout
    text = "replicas 4 back to 2, its time is over: applied"
    assert f"{place.namespace}/{TARGET}: {text}" in done.stdout
    assert place.get(TARGET)["spec"] == before["spec"]


def test_the_brain_sees_the_cluster_tick_after_tick(
    config: tuple[Place, Path, str], tmp_path: Path
) -> None:
    _, path, url = config
    command = [sys.executable, "-m", "homeostat", "brain", "--config", str(path)]
    brain = Process(command, log=tmp_path / "brain.log")
    try:
        brain.wait_until(lambda: _status(url) is not None)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            brain.check()
            status = _status(url) or {}
            assert status["halted"] is None
            assert not [note for note in status["notes"] if "does not answer" in note]
            time.sleep(0.5)
        assert status["mode"] == "auto"
    finally:
        assert brain.stop() == 0


def _status(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None
