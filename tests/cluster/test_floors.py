"""More room where an autoscaler sets the replicas: its floor is raised, and put back as it was."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from healing.cluster.gate import write_guarded
from healing.cluster.kube.names import ACTION, BOOST
from healing.guards import check
from healing.guards.target import TARGET as TARGET_GUARDS
from knowledge.boosts import end_of
from knowledge.cluster import Cluster, ClusterReport, SetFloor, Workload, WriteIntent, WriteOutcome
from knowledge.plans import Refused
from tests.cluster import objects
from tests.cluster.autoscalers import autoscaler, know_keda, scaled_object
from tests.cluster.place import Place
from tests.healing.cluster_contract import intent_of
from tests.healing.conftest import World

GROUPS = {
    "hpa": ("horizontalpodautoscalers", "autoscaling/v2"),
    "keda": ("scaledobjects", "keda.sh/v1alpha1"),
}
HPA_USER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"


@dataclass(frozen=True)
class Scaled:
    """A Deployment `cart` under an autoscaler of the same name."""

    place: Place
    kind: str

    def path(self) -> str:
        plural, group = GROUPS[self.kind]
        return self.place.path(plural, "cart", group)

    def get(self) -> dict[str, Any]:
        found: dict[str, Any] = self.place.plane.admin.get(self.path())
        return found

    def change(self, body: dict[str, Any]) -> None:
        self.place.plane.admin.merge(self.path(), body)


@pytest.fixture(params=["hpa", "keda"])
def scaled(place: Place, request: pytest.FixtureRequest) -> Scaled:
    place.deploy(objects.deployment("cart"))
    place.settle("cart")
    made = autoscaler("cart") if request.param == "hpa" else scaled_object("cart")
    if request.param == "keda":
        know_keda(place)
    plural, group = GROUPS[request.param]
    place.plane.admin.create(place.path(plural, group=group), made)
    return Scaled(place, request.param)


def raised(workload: Workload, floor: int = 4) -> SetFloor:
    scaler = workload.scaler
    assert scaler is not None
    return SetFloor(
        target=workload.key,
        scaler_kind=scaler.kind,
        scaler_name=scaler.name,
        scaler_uid=scaler.uid,
        floor=floor,
        floor_before=scaler.floor,
        boost_s=600.0,
    )


def intended(workload: Workload, change: SetFloor, name: str = "act-1") -> WriteIntent:
    return replace(
        intent_of(workload, change, name=name), resource_version=workload.token_of(change)
    )


def recheck(workload: Callable[[ClusterReport], Workload]) -> Any:
    """The guards that ask about the target, on the facts of the moment."""

    def ask(intent: WriteIntent, report: ClusterReport) -> Refused | None:
        world = World()
        world.workload = workload(report)
        answer = check(world.asked(change=intent.change), TARGET_GUARDS)
        return answer if isinstance(answer, Refused) else None

    return ask


def test_a_floor_is_raised_once_and_put_back_byte_equal(scaled: Scaled) -> None:
    place, spec = scaled.place, scaled.get()["spec"]

    async def act(cluster: Cluster) -> list[WriteOutcome]:
        seen = recheck(lambda report: place.workload(report, "cart"))
        before = place.workload(await cluster.report(), "cart")
        intent = intended(before, raised(before))
        outcomes = [await write_guarded(cluster, intent, seen, now_unix_ns=lambda: 1)]
        version = scaled.get()["metadata"]["resourceVersion"]
        outcomes.append(await cluster.write(intent))
        if scaled.kind == "keda":  # no KEDA is there that would write its status
            assert scaled.get()["metadata"]["resourceVersion"] == version
        between = place.workload(await cluster.report(), "cart")
        assert between.was_written_by("act-1")
        assert between.boost is not None
        assert scaled.get()["spec"] != spec
        end = end_of(between.boost, between)
        assert isinstance(end, SetFloor)
        outcomes.append(await cluster.write(intended(between, end, "act-2")))
        after = place.workload(await cluster.report(), "cart")
        assert after.boost is None
        return outcomes

    outcomes = place.do(act)
    assert [outcome.status for outcome in outcomes] == ["applied"] * 3, outcomes
    assert scaled.get()["spec"] == spec
    assert BOOST not in scaled.get()["metadata"]["annotations"]
    assert json.loads(scaled.get()["metadata"]["annotations"][ACTION])["id"] == "act-2"


@pytest.mark.parametrize("scaled", ["hpa"], indirect=True)
def test_the_replicas_follow_and_only_the_autoscaler_has_set_them(scaled: Scaled) -> None:
    place = scaled.place

    async def act(cluster: Cluster) -> WriteOutcome:
        before = place.workload(await cluster.report(), "cart")
        return await cluster.write(intended(before, raised(before)))

    assert place.do(act).status == "applied"
    place.until(lambda: bool(place.get("cart")["spec"]["replicas"] == 4))
    place.settle("cart")
    lines = map(json.loads, place.plane.audit_log.read_text().splitlines())
    writers = {
        line["user"]["username"]
        for line in lines
        if line["objectRef"].get("namespace") == place.namespace
        and line["objectRef"].get("name") == "cart"
        and line["objectRef"]["resource"] == "deployments"
        and line["objectRef"].get("subresource") != "status"
        and line.get("responseObject", {}).get("spec", {}).get("replicas") == 4
        and line.get("requestObject", {}).get("kind") == "Scale"
    }
    assert writers == {HPA_USER}
    managers = {
        entry["manager"]
        for entry in place.get("cart")["metadata"]["managedFields"]
        if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
    }
    assert "homeostat" not in managers


def test_a_floor_that_somebody_changed_is_not_overwritten(scaled: Scaled) -> None:
    place = scaled.place
    field = "minReplicas" if scaled.kind == "hpa" else "minReplicaCount"

    async def act(cluster: Cluster) -> WriteOutcome:
        before = place.workload(await cluster.report(), "cart")
        scaled.change({"spec": {field: 3}})
        return await cluster.write(intended(before, raised(before)))

    assert place.do(act).status == "conflict"
    assert scaled.get()["spec"][field] == 3


@pytest.mark.parametrize(
    ("marks", "reason"),
    [
        ({"argocd.argoproj.io/tracking-id": "shop"}, "is steered by Argo CD"),
        ({"kustomize.toolkit.fluxcd.io/name": "apps"}, "is steered by Flux"),
        ({"autoscaling.keda.sh/paused-replicas": "2"}, "is steered by a person, who paused it"),
    ],
)
@pytest.mark.parametrize("scaled", ["keda"], indirect=True)
def test_an_autoscaler_with_a_master_of_its_own_is_left_with_a_named_reason(
    scaled: Scaled, marks: dict[str, str], reason: str
) -> None:
    place = scaled.place
    scaled.change({"metadata": {"annotations": marks}})
    before = scaled.get()

    async def act(cluster: Cluster) -> WriteOutcome:
        workload = place.workload(await cluster.report(), "cart")
        seen = recheck(lambda report: place.workload(report, "cart"))
        intent = intended(workload, raised(workload))
        return await write_guarded(cluster, intent, seen, now_unix_ns=lambda: 1)

    outcome = place.do(act)
    assert outcome.status == "refused"
    assert reason in outcome.reason
    assert scaled.get() == before


@pytest.mark.parametrize("scaled", ["hpa"], indirect=True)
def test_a_floor_above_the_ceiling_is_refused(scaled: Scaled) -> None:
    place = scaled.place

    async def act(cluster: Cluster) -> list[WriteOutcome]:
        workload = place.workload(await cluster.report(), "cart")
        seen = recheck(lambda report: place.workload(report, "cart"))
        intent = intended(workload, raised(workload, floor=7))
        guarded = await write_guarded(cluster, intent, seen, now_unix_ns=lambda: 1)
        return [guarded, await cluster.write(intent)]

    guarded, bare = place.do(act)
    assert guarded.status == "refused"
    assert "above the ceiling of 6" in guarded.reason
    assert bare.status == "failed"  # the API server says so too
    assert scaled.get()["spec"]["minReplicas"] == 2
