"""The whole loop on a genuine control plane: telemetry in, a patch out, pods follow, all is well.

The twin's traffic goes to the pods that the API server has; its telemetry comes through a genuine
Collector; Homeostat has the rights that `homeostat rbac` prints and sees nothing but spans and the
API. What was broken and what is cured the twin knows, and who wrote what the audit log.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from homeostat.demo.story import Story
from homeostat.demo.summary import Summary
from homeostat.replay import replay
from tests.cluster.story.house import House
from tests.cluster.story.play import EXPECTED, Play, writes_of
from tests.cluster.story.shop import AUTOSCALED
from tests.parts.control_plane import ControlPlane


@pytest.fixture(scope="module")
def house(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House.open(plane, tmp_path_factory.mktemp("house"), seed=1)
    yield house
    house.close()


@pytest.fixture(scope="module")
def summary(house: House) -> Summary:
    return Play(house, Story(Console(), quiet=True)).run(seed=1)


def test_each_fault_is_healed_by_the_right_action_on_the_right_workload(summary: Summary) -> None:
    assert {fault.kind: fault.action for fault in summary.faults} == EXPECTED, summary
    for fault in summary.faults:
        assert fault.named_cause == fault.service, fault
        assert fault.healed, fault
    assert summary.wrong_targets == 0


def test_the_audit_log_has_one_write_a_fault_and_no_other(
    house: House, summary: Summary, plane: ControlPlane
) -> None:
    writes = writes_of(plane)
    assert [(w["resource"], w["workload"]) for w in writes] == [
        ("deployments", fault.service) for fault in summary.faults
    ]
    assert AUTOSCALED not in {write["workload"] for write in writes}
    for text in plane.audit_log.read_text().splitlines():
        line = json.loads(text)
        target = line.get("objectRef", {})
        is_there = target.get("namespace") == house.place.namespace
        if is_there and target.get("name") == AUTOSCALED and target["resource"] == "deployments":
            replicas = line.get("responseObject", {}).get("spec", {}).get("replicas", 2)
            assert replicas == 2, line


@pytest.mark.usefixtures("summary")
def test_what_the_service_concluded_comes_out_of_its_journal_again(
    house: House, tmp_path: Path
) -> None:
    copy = tmp_path / "journal.db"
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).write_bytes(
            house.journal.with_name(house.journal.name + suffix).read_bytes()
        )
    result = replay(copy)
    assert result.tick_count > 50
    assert result.difference is None
