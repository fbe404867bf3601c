"""The generated rights: enough for each action, and for nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from healing.cluster.kube.rbac import manifests
from healing.settings import ACTION_KINDS, HealingSettings
from knowledge.cluster import Change, Cluster, Workload, WriteOutcome
from tests.cluster import objects
from tests.cluster.autoscalers import autoscaler
from tests.cluster.place import Place
from tests.cluster.test_floors import raised
from tests.healing.cluster_contract import CHANGES, TARGET, intent_of, target_of
from tests.parts.kube import KubeError

COLLECTIONS = {
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
}


def served(place: Place, settings: HealingSettings) -> Place:
    """The same namespace, seen as a service account with the rights that are generated for it."""
    admin, own = place.plane.admin, f"{place.namespace}-own"
    admin.create("/api/v1/namespaces", objects.namespace(own, heal=False))
    for body in manifests(settings, own_namespace=own):
        root, plural = COLLECTIONS[body["kind"]]
        home = body["metadata"].get("namespace")
        if home is None:  # cluster-wide names are shared by all tests here
            body["metadata"]["name"] += f"-{own}"
            body.get("roleRef", {})["name"] = f"homeostat-reader-{own}"
        path = f"{root}/namespaces/{home}/{plural}" if home else f"{root}/{plural}"
        admin.create(path, body)
    account = place.plane.account(own, "homeostat")
    return Place(place.plane, place.namespace, place.plane.write_kubeconfig(account, own))


def _floor(workload: Workload) -> Change:
    return raised(workload)


def only(place: Place, *kinds: str) -> HealingSettings:
    """Healing is on in the namespace, for some kinds of action only."""
    others = {kind: "observe" for kind in ACTION_KINDS if kind not in kinds}
    return HealingSettings(
        namespaces={place.namespace: "auto"},
        actions=others,  # type: ignore[arg-type]  # built from the literals themselves
    )


@pytest.mark.parametrize("healed", [True, False])
@pytest.mark.parametrize("change", [*CHANGES, _floor])
def test_each_action_works_with_its_own_rights_alone_and_fails_closed_without(
    settled: Callable[[str], Place], change: Callable[[Workload], Change], *, healed: bool
) -> None:
    plain = settled(TARGET)
    group = "autoscaling/v2"
    if change is _floor:
        path = plain.path("horizontalpodautoscalers", group=group)
        plain.plane.admin.create(path, autoscaler(TARGET))
    kind = {"scale": "scale", "restart": "restart", "roll_back": "roll_back_release"}.get(
        change.__name__, "set_floor"
    )
    others = ("scale", "restart", "roll_back_release") if kind == "set_floor" else ("set_floor",)
    place = served(plain, only(plain, kind) if healed else only(plain, *others))
    spec = place.get(TARGET)["spec"]

    async def act(cluster: Cluster) -> WriteOutcome:
        workload = target_of(await cluster.report(), place)
        made = change(workload)
        intent = replace(intent_of(workload, made), resource_version=workload.token_of(made))
        return await cluster.write(intent)

    outcome = place.do(act)
    assert outcome.status == ("applied" if healed else "failed"), outcome
    assert healed or "403" in outcome.reason
    if kind == "set_floor":
        found = place.plane.admin.get(place.path("horizontalpodautoscalers", TARGET, group))
        assert found["spec"]["minReplicas"] == (4 if healed else 2)
    else:
        assert (place.get(TARGET)["spec"] == spec) != healed


def test_nothing_else_is_allowed(settled: Callable[[str], Place]) -> None:
    plain = settled(TARGET)
    place = served(plain, only(plain, *ACTION_KINDS))
    account = place.plane.account(f"{place.namespace}-own", "homeostat")
    forbidden = [
        ("GET", place.path("secrets", group="v1"), None),
        ("DELETE", place.path(name=TARGET), None),
        ("POST", place.path(), objects.deployment("another")),
        ("POST", place.path("pods", group="v1"), {}),
        ("PATCH", "/apis/apps/v1/namespaces/kube-system/deployments/x", {}),
    ]
    for method, path, body in forbidden:
        with pytest.raises(KubeError) as caught:
            account.ask(method, path, body, "application/merge-patch+json")
        assert caught.value.status == 403, (method, path)


def test_no_wildcard_no_secret_no_exec() -> None:
    settings = HealingSettings(mode="auto", namespaces={"shop": "auto", "lab": "observe"})
    made = manifests(settings, own_namespace="homeostat")
    rules = [rule for body in made for rule in body.get("rules", ())]
    words = {word for rule in rules for listed in rule.values() for word in listed}
    assert not words & {"*", "secrets", "pods/exec", "delete", "escalate", "bind", "impersonate"}
    writes = [b for b in made if any("patch" in rule["verbs"] for rule in b.get("rules", ()))]
    assert [(b["kind"], b["metadata"]["namespace"]) for b in writes] == [("Role", "shop")]
    creates = {r for rule in rules if "create" in rule["verbs"] for r in rule["resources"]}
    assert creates == {"events", "leases", "configmaps"}
    updates = [rule for rule in rules if "update" in rule["verbs"]]
    names = [rule["resourceNames"] for rule in updates]
    assert names == [["homeostat"], ["homeostat-ledger"]]
