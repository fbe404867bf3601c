"""Other controllers: found by what they leave, named, and never fought."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from healing.cluster.gate import write_guarded
from healing.cluster.kube.api import Api
from healing.cluster.kube.unwind import in_force, unwind
from healing.guards import check
from healing.guards.target import no_other_controller, other_controller
from healing.strategies.proposal import Case, Proposal
from healing.strategies.scale_up import propose_scale_up
from knowledge.cluster import (
    Cluster,
    ClusterReport,
    RollBackRelease,
    Scale,
    SetFloor,
    Workload,
    WriteIntent,
    WriteOutcome,
)
from knowledge.plans import Refused
from tests.cluster import objects
from tests.cluster.autoscalers import autoscaler, definition, know, know_keda, scaled_object
from tests.cluster.place import Place
from tests.healing.cluster_contract import intent_of, restart, roll_back, scale
from tests.healing.conftest import World

OTHERS = (
    definition("canaries", "Canary", "flagger.app", "v1beta1"),
    definition("rollouts", "Rollout", "argoproj.io", "v1alpha1"),
    definition("verticalpodautoscalers", "VerticalPodAutoscaler", "autoscaling.k8s.io", "v1"),
)
POINTERS: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (0, "canary", {"targetRef": {"kind": "Deployment", "name": "canary"}}),
    (1, "rollout", {"workloadRef": {"kind": "Deployment", "name": "rollout"}}),
    (2, "vpa", {"targetRef": {"kind": "Deployment", "name": "vpa"}}),
    (
        2,
        "advised",
        {
            "targetRef": {"kind": "Deployment", "name": "advised"},
            "updatePolicy": {"updateMode": "Off"},
        },
    ),
)
"""Objects of those kinds that point at a workload of their own name."""
MARKED = {
    "argo": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:test/argo"},
    "flux": {"kustomize.toolkit.fluxcd.io/name": "apps"},
    "helm": {"meta.helm.sh/release-name": "shop"},
}


@pytest.fixture
def crowded(place: Place) -> Place:
    """A namespace in which each workload has another master."""
    know_keda(place)
    admin = place.plane.admin
    for name, marks in MARKED.items():
        place.deploy(objects.deployment(name, annotations=marks))
    pointed = [name for _, name, _ in POINTERS]
    for name in ("plain", "hpa", "keda", "operated", "paused", "closed", *pointed):
        place.deploy(objects.deployment(name, heal=name != "closed", paused=name == "paused"))
    admin.create(place.path("horizontalpodautoscalers", group="autoscaling/v2"), autoscaler("hpa"))
    scaled = place.path("scaledobjects", group="keda.sh/v1alpha1")
    admin.create(scaled, scaled_object("keda"))
    for index, name, spec in POINTERS:
        kind = OTHERS[index]["spec"]
        group = f"{kind['group']}/{kind['versions'][0]['name']}"
        know(place, OTHERS[index])
        body = {"apiVersion": group, "kind": kind["names"]["kind"], "metadata": {"name": name}}
        admin.create(place.path(kind["names"]["plural"], group=group), {**body, "spec": spec})
    owner = {"apiVersion": "example.com/v1", "kind": "Shop", "name": "main", "uid": "a-shop"}
    place.change("operated", {"metadata": {"ownerReferences": [{**owner, "controller": True}]}})
    for name in ("plain", "hpa", "keda"):
        place.settle(name)
    return place


def test_each_master_is_named(crowded: Place) -> None:
    async def act(cluster: Cluster) -> ClusterReport:
        return await cluster.report()

    report = crowded.do(act)
    found = {w.key.name: w for w in report.workloads if w.key.namespace == crowded.namespace}
    assert found["argo"].steered_by == "Argo CD"
    assert found["flux"].steered_by == "Flux"
    assert found["operated"].steered_by == "its operator: Shop main"
    assert found["paused"].steered_by == "a person, who paused it"
    assert found["helm"].released_by == "Helm release shop"
    assert found["hpa"].scaled_by == "HorizontalPodAutoscaler hpa"
    assert found["keda"].scaled_by == "KEDA ScaledObject keda"
    assert found["canary"].steered_by == "Flagger Canary canary"
    assert found["rollout"].steered_by == "Argo Rollout rollout"
    assert found["vpa"].sized_by == "VerticalPodAutoscaler vpa (Auto)"
    assert (found["vpa"].steered_by, found["advised"].sized_by) == (None, None)
    plain = found["plain"]
    assert (plain.steered_by, plain.scaled_by, plain.released_by) == (None, None, None)
    assert [name for name, w in found.items() if not w.is_opted_in] == ["closed"]
    systems = [w for w in report.workloads if w.key.namespace == "kube-system"]
    assert all(w.untouchable for w in systems)
    for name in ("argo", "flux", "operated", "paused", "canary", "rollout"):
        master = found[name].steered_by
        for change in (scale, restart):
            answer = other_controller(found[name], change(found[name]))
            assert answer == f"{found[name].key} is steered by {master}"
    back = RollBackRelease(target=found["helm"].key, revision=1, revision_before=2)
    assert "kept by Helm release shop" in str(other_controller(found["helm"], back))
    assert _planned(report, found["plain"]) == "scale"
    assert _planned(report, found["hpa"]) == "set_floor of HorizontalPodAutoscaler hpa"
    assert _planned(report, found["keda"]) == "set_floor of ScaledObject keda"


def _planned(report: ClusterReport, workload: Workload) -> str:
    """What is planned where a workload of the real report is asked for twice what it can do."""
    world = World()
    cause = replace(world.cause, workload=workload.key, arrival_ratio=2.0)
    pods = tuple(replace(pod, cpu_ratio=0.97) for pod in report.pods)
    case = Case(
        issue=world.issue(),
        cause=cause,
        workload=workload,
        cluster=replace(report, pods=pods),
        situation=world.situation(),
        condemned=frozenset(),
    )
    found = propose_scale_up(case, world.settings)
    assert isinstance(found, Proposal), found
    change = found.change
    if isinstance(change, SetFloor):
        return f"set_floor of {change.scaler_kind} {change.scaler_name}"
    return change.kind


@pytest.mark.parametrize("name", ["hpa", "keda"])
def test_replicas_that_others_set_are_changed_by_no_path(crowded: Place, name: str) -> None:
    """The guards refuse to scale; a restart, which is allowed, leaves them: the audit log tells."""

    def recheck(intent: WriteIntent, report: ClusterReport) -> Refused | None:
        world = World()
        world.workload = crowded.workload(report, name)
        asked = world.asked(change=intent.change)
        answer = check(asked, (no_other_controller,))
        return answer if isinstance(answer, Refused) else None

    async def act(cluster: Cluster) -> list[WriteOutcome]:
        outcomes = []
        for change in (scale, restart):
            workload = crowded.workload(await cluster.report(), name)
            intent = intent_of(workload, change(workload), name=f"{change.__name__}-{name}")
            outcomes.append(await write_guarded(cluster, intent, recheck, now_unix_ns=lambda: 1))
        return outcomes

    refused, restarted = crowded.do(act)
    assert refused.status == "refused"
    assert refused.reason.startswith("no other controller: the replicas of Deployment")
    assert restarted.status == "applied", restarted
    lines = map(json.loads, crowded.plane.audit_log.read_text().splitlines())
    writes = [
        line
        for line in lines
        if line["objectRef"].get("namespace") == crowded.namespace
        and line["objectRef"].get("name") == name
        and line["objectRef"]["resource"] == "deployments"
        and line.get("objectRef", {}).get("subresource") != "status"
    ]
    assert any("dryRun" not in line["requestURI"] and line["verb"] == "patch" for line in writes)
    replicas = {line["responseObject"]["spec"]["replicas"] for line in writes}
    assert replicas == {2}


def test_a_budget_at_zero_does_not_stop_the_roll_back_that_cures(place: Place) -> None:
    """A PodDisruptionBudget governs evictions; an unready release drives it to 0 by itself."""
    place.deploy(objects.deployment("cart", "1.0.0"))
    place.settle("cart")
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "cart"}}}
    body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "cart"}}
    budgets = place.path("poddisruptionbudgets", group="policy/v1")
    place.plane.admin.create(budgets, {**body, "spec": spec})
    good = place.get("cart")["spec"]["template"]
    place.release("cart", "1.1.0", fault="never-ready")

    def is_exhausted() -> bool:
        status = place.plane.admin.get(f"{budgets}/cart").get("status", {})
        return bool(status.get("disruptionsAllowed") == 0 and status.get("currentHealthy") == 2)

    place.until(is_exhausted)

    async def act(cluster: Cluster) -> WriteOutcome:
        workload = place.workload(await cluster.report(), "cart")
        assert workload.is_rolling
        return await cluster.write(intent_of(workload, roll_back(workload)))

    place.until(lambda: len(_revisions(place)) == 2)
    assert place.do(act).status == "applied"
    place.settle("cart")
    assert place.get("cart")["spec"]["template"] == good


def _revisions(place: Place) -> list[Any]:
    found: list[Any] = place.plane.admin.get(place.path("replicasets"))["items"]
    return found


def test_a_boost_is_unwound_but_not_what_is_a_person_s_or_an_autoscaler_s_by_now(
    place: Place,
) -> None:
    names = ("boosted", "taken", "scaled")
    for name in names:
        place.deploy(objects.deployment(name))
        place.settle(name)

    async def act(cluster: Cluster) -> list[str]:
        for name in names:
            workload = place.workload(await cluster.report(), name)
            change = Scale(target=workload.key, replicas=4, replicas_before=2)
            assert (await cluster.write(intent_of(workload, change, name=name))).status == "applied"
        place.change("taken", {"spec": {"replicas": 5}})
        made = autoscaler("scaled")
        made["spec"]["minReplicas"] = 4  # it leaves our four as they are
        path = place.path("horizontalpodautoscalers", group="autoscaling/v2")
        place.plane.admin.create(path, made)
        while place.workload(await cluster.report(), "scaled").scaled_by is None:
            await asyncio.sleep(0.05)
        api = await Api.connect(kubeconfig=place.plane.kubeconfig, context=None)
        try:
            held = await in_force(api, await cluster.report(), now_unix_ns=1)
            ours = tuple(each for each in held if each.workload.namespace == place.namespace)
            done = await unwind(cluster, ours, now_unix_ns=lambda: 1)
            return sorted(o.status for o in done)
        finally:
            await api.close()

    assert place.do(act) == ["applied", "refused"]
    assert place.get("scaled")["spec"]["replicas"] == 4
    place.plane.admin.delete(place.path("deployments", "scaled"))  # `homeostat unwind` sees it too
    assert place.get("boosted")["spec"]["replicas"] == 2
    assert place.get("taken")["spec"]["replicas"] == 5
