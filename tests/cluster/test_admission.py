"""The leash: all that is outside of our bounds is denied by name, and all that we do passes.

The account is bound to cluster-admin, so no denial is RBAC's.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from healing.cluster.kube.admission import NAME, policy
from healing.settings import HealingSettings
from knowledge.cluster import Change, Cluster, SetFloor, Workload, WriteOutcome
from tests.cluster import forbidden, objects
from tests.cluster.autoscalers import autoscaler, know_keda
from tests.cluster.place import Place
from tests.healing.cluster_contract import (
    CHANGES,
    TARGET,
    intent_of,
    put,
    reversed_of,
    roll_back,
    scale,
    target_of,
)
from tests.parts.kube import Kube, KubeError

MERGE = "application/strategic-merge-patch+json"
ROOT = "/apis/admissionregistration.k8s.io/v1"
SAYS = f"ValidatingAdmissionPolicy '{NAME}"


def _leashed(place: Place) -> tuple[Place, Kube, str]:
    """The place, seen by an account that may do all but what the policy forbids."""
    admin, home = place.plane.admin, f"{place.namespace}-home"
    admin.create("/api/v1/namespaces", objects.namespace(home, heal=False))
    account = {"kind": "ServiceAccount", "name": "homeostat", "namespace": home}
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "homeostat"}}
    admin.create(f"/api/v1/namespaces/{home}/serviceaccounts", body)
    binding = {
        "apiVersion": f"{forbidden.RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"all-for-{home}"},
        "roleRef": forbidden.ROLE_REF,
        "subjects": [account],
    }
    admin.create(f"/apis/{forbidden.RBAC}/v1/clusterrolebindings", binding)
    settings = HealingSettings(namespaces={place.namespace: "auto"})
    for made in policy(settings, own_namespace=home, replicas_max=10):
        made["metadata"]["name"] += f"-{home}"  # names are shared by all tests here
        if "policyName" in made["spec"]:
            made["spec"]["policyName"] += f"-{home}"
        plural = "validatingadmissionpolic" + ("ybindings" if "Binding" in made["kind"] else "ies")
        admin.create(f"{ROOT}/{plural}", made)
    kube = place.plane.account(home, "homeostat")
    evil = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "evil"}}
    where = f"/api/v1/namespaces/{place.namespace}/configmaps"
    place.until(lambda: SAYS in _try(kube, "POST", where, evil))
    return Place(place.plane, place.namespace, place.plane.write_kubeconfig(kube, home)), kube, home


def _try(kube: Kube, method: str, path: str, body: Any) -> str:
    """What the server says to a dry run; empty if it would do it."""
    content = MERGE if method == "PATCH" else "application/json"
    if "scaledobjects" in path:
        content = "application/merge-patch+json"
    try:
        kube.ask(method, path if "?" in path else f"{path}?dryRun=All", body, content)
    except KubeError as error:
        return str(error)
    return ""


def _filled(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(word, text)
        return value
    if isinstance(value, dict):
        return {key: _filled(inner, words) for key, inner in value.items()}
    return value


def _scaled(place: Place) -> None:
    """An autoscaler and a ScaledObject beside the workload; neither does anything."""
    admin = place.plane.admin
    know_keda(place)
    hpa = autoscaler(TARGET)
    admin.create(place.path("horizontalpodautoscalers", group="autoscaling/v2"), hpa)
    scaled = place.path("scaledobjects", group="keda.sh/v1alpha1")
    spec = {"scaleTargetRef": {"name": "other"}, "maxReplicaCount": 6, "triggers": []}
    body = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": TARGET}}
    admin.create(scaled, {**body, "spec": spec})


def test_all_that_is_outside_of_the_bounds_is_denied_by_name(
    settled: Callable[[str], Place],
) -> None:
    place, kube, home = _leashed(settled(TARGET))
    _scaled(place)
    pods = place.plane.admin.get(place.path("pods", group="v1"))["items"]
    words = {"{ns}": place.namespace, "{home}": home, "{pod}": pods[0]["metadata"]["name"]}
    requests = [
        *forbidden.creations(),
        *forbidden.deletions(),
        *forbidden.patches(),
        *forbidden.workload_changes(),
    ]
    assert len(requests) == len({name for name, *_ in requests}) >= 100
    said = {
        name: _try(kube, method, _filled(path, words), _filled(body, words))
        for name, method, path, body in requests
    }
    let_pass = {name: text for name, text in said.items() if SAYS not in text}
    assert not let_pass, "\n".join(f"{n}: {t[:300]}" for n, t in let_pass.items())
    reasons = Counter(
        text.partition("homeostat may not ")[2].partition('"')[0] for text in said.values()
    )
    assert len(reasons) >= 10, reasons


@pytest.mark.parametrize("change", CHANGES)
def test_each_action_passes(
    settled: Callable[[str], Place], change: Callable[[Workload], Change]
) -> None:
    place, _, _ = _leashed(settled(TARGET))

    async def act(cluster: Cluster) -> list[WriteOutcome]:
        before = target_of(await cluster.report(), place)
        done = change(before)
        outcomes = [await put(cluster, intent_of(before, done, name="do"))]
        if change in {scale, roll_back}:
            between = target_of(await cluster.report(), place)
            outcomes.append(await put(cluster, intent_of(between, reversed_of(done), name="undo")))
        return outcomes

    outcomes = place.do(act)
    assert {outcome.status for outcome in outcomes} == {"applied"}, outcomes


def test_the_floor_of_an_autoscaler_and_our_own_objects_pass(
    settled: Callable[[str], Place],
) -> None:
    place, kube, home = _leashed(settled(TARGET))
    _scaled(place)

    async def act(cluster: Cluster) -> WriteOutcome:
        workload = target_of(await cluster.report(), place)
        assert workload.scaler is not None
        change = SetFloor(
            target=workload.key,
            scaler_kind=workload.scaler.kind,
            scaler_name=workload.scaler.name,
            scaler_uid=workload.scaler.uid,
            floor=4,
            floor_before=workload.scaler.floor,
        )
        intent = intent_of(workload, change)
        token = workload.scaler.resource_version
        return await put(cluster, replace(intent, resource_version=token))

    assert place.do(act).status == "applied"
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    ledger = {"apiVersion": "v1", "kind": "ConfigMap"}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    event = objects.event(place.namespace)
    for path, body in (
        (
            f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases",
            {**lease, "metadata": {"name": "homeostat"}},
        ),
        (
            f"/api/v1/namespaces/{home}/configmaps",
            {**ledger, "metadata": {"name": "homeostat-ledger"}},
        ),
        (place.path("events", group="events.k8s.io/v1"), event),
        (
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            {**review, "spec": {"namespace": "x"}},
        ),
    ):
        assert _try(kube, "POST", path, body) == "", path
