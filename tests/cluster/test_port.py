"""The adapter to Kubernetes against a genuine API server: the contract, and what only it has."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from knowledge.cluster import Change, Cluster, ClusterUnavailableError, Workload, WriteOutcome
from tests.cluster.place import Place
from tests.healing.cluster_contract import (
    TARGET,
    ClusterContract,
    intent_of,
    put,
    reversed_of,
    roll_back,
    scale,
    target_of,
)


@pytest.fixture
def port(settled: Callable[[str], Place]) -> Place:
    return settled(TARGET)


class TestKubernetesCluster(ClusterContract):
    """The contract, as the API server keeps it."""


@pytest.mark.parametrize("change", [scale, roll_back])
def test_an_undo_leaves_the_touched_fields_byte_equal(
    port: Place, change: Callable[[Workload], Change]
) -> None:
    spec = port.get(TARGET)["spec"]

    async def act(cluster: Cluster) -> None:
        before = target_of(await cluster.report(), port)
        done = change(before)
        assert (await put(cluster, intent_of(before, done, name="do"))).status == "applied"
        assert port.get(TARGET)["spec"] != spec
        between = target_of(await cluster.report(), port)
        outcome = await put(cluster, intent_of(between, reversed_of(done), name="undo"))
        assert outcome.status == "applied", outcome

    port.do(act)
    assert port.get(TARGET)["spec"] == spec


def test_a_third_party_s_later_change_is_never_overwritten(port: Place) -> None:
    async def act(cluster: Cluster) -> WriteOutcome:
        before = target_of(await cluster.report(), port)
        port.change(TARGET, {"metadata": {"labels": {"owner": "a-person"}}})
        return await put(cluster, intent_of(before, scale(before)))

    assert port.do(act).status == "conflict"
    assert port.get(TARGET)["spec"]["replicas"] == 2


def test_a_change_of_status_alone_does_not_stop_a_write(port: Place) -> None:
    async def act(cluster: Cluster) -> WriteOutcome:
        before = target_of(await cluster.report(), port)
        conditions = [{"type": "Test", "status": "True", "reason": "Test", "message": ""}]
        path = port.path(name=TARGET) + "/status"
        port.plane.admin.merge(path, {"status": {"conditions": conditions}})
        return await put(cluster, intent_of(before, scale(before)))

    assert port.do(act).status == "applied"


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    cluster = {"server": "https://127.0.0.1:9"}
    config.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "none", "cluster": cluster}],
                "users": [{"name": "none", "user": {"token": "none"}}],
                "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
                "current-context": "none",
            }
        )
    )
    nowhere = Place(plane=None, namespace="none", kubeconfig=config)  # type: ignore[arg-type]
    with pytest.raises(ClusterUnavailableError, match=r"127\.0\.0\.1"):
        nowhere.do(lambda cluster: cluster.report())
