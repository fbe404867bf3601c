"""What we did is told on its target; and too many rights are told loudly, and nothing is done."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from healing.cluster.kube import rights
from healing.cluster.kube.adapter import KubernetesCluster
from knowledge.cluster import Cluster, WriteOutcome
from tests.cluster.place import Place
from tests.cluster.test_rights import only, served
from tests.healing.cluster_contract import TARGET, intent_of, put, scale, target_of


def _events(place: Place) -> list[Any]:
    found = place.plane.admin.get(place.path("events", group="events.k8s.io/v1"))["items"]
    return [e for e in found if e["reportingController"] == "homeostat.dev/homeostat"]


def _write(place: Place, **settings: Any) -> tuple[WriteOutcome, KubernetesCluster]:
    """Write once, with a moment for what is told beside it."""

    async def act(cluster: Cluster) -> tuple[WriteOutcome, KubernetesCluster]:
        assert isinstance(cluster, KubernetesCluster)
        cluster._settings = replace(cluster._settings, **settings)
        before = target_of(await cluster.report(), place)
        if settings.get("guards_rights"):
            while cluster._rights is None or cluster._rights.excess is None:
                await asyncio.sleep(0.05)
        outcome = await put(cluster, intent_of(before, scale(before)))
        await asyncio.sleep(0.5)
        return outcome, cluster

    return place.do(act)


def test_an_action_is_told_on_its_target_with_its_own_rights(
    settled: Callable[[str], Place],
) -> None:
    place = settled(TARGET)
    outcome, _ = _write(served(place, only(place, "scale")))
    assert outcome.status == "applied"
    (event,) = _events(place)
    assert event["regarding"]["uid"] == place.get(TARGET)["metadata"]["uid"]
    assert (event["reason"], event["type"], event["action"]) == ("Healed", "Normal", "scale")
    assert event["note"] == "act-1: applied"


def test_an_event_that_cannot_be_sent_stops_nothing(settled: Callable[[str], Place]) -> None:
    plain = settled(TARGET)
    place = served(plain, only(plain, "scale"))
    path = place.path("roles", "homeostat-healer", group="rbac.authorization.k8s.io/v1")
    role = place.plane.admin.get(path)
    role["rules"] = [rule for rule in role["rules"] if "events" not in rule["resources"]]
    place.plane.admin.replace(path, role)
    outcome, cluster = _write(place)
    assert outcome.status == "applied"
    assert cluster._events is not None
    assert cluster._events.dropped_count == 1


def test_with_rights_that_it_must_not_have_it_observes_only(
    settled: Callable[[str], Place],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(rights, "PAUSE_S", 0.0)
    place = settled(TARGET)
    outcome, cluster = _write(place, guards_rights=True)  # as an administrator
    assert outcome.status == "refused"
    assert outcome.reason.startswith("observing only: our account may * *.*; get secrets")
    assert len(cluster.excess) == len(rights.FORBIDDEN)
    assert "OUR RIGHTS EXCEED" in caplog.text
    assert place.get(TARGET)["spec"]["replicas"] == 2


def test_with_the_generated_rights_it_acts(
    settled: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rights, "PAUSE_S", 0.0)
    plain = settled(TARGET)
    place = served(plain, only(plain, "scale"))
    spaces = (place.namespace, f"{place.namespace}-own")
    outcome, cluster = _write(place, guards_rights=True, guarded_namespaces=spaces)
    assert (outcome.status, cluster.excess) == ("applied", ())
