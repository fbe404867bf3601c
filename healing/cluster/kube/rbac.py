"""The least rights that the settings need: reading everywhere, patching where healing is on.

Being able to patch a Deployment is being able to run anything under its service account, so the
right to write is a Role in each namespace that healing is on for, never a ClusterRole. There is no
wildcard, no secret, no exec and no delete in it, and of others' objects nothing is created but
events. Lease and ledger are in our own namespace; RBAC cannot name an object that is yet to be
made, so what can be created there is held by `admission.py` only.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from healing.settings import ACTION_KINDS, ActionKind, HealingSettings

NAME: Final = "homeostat"
READS: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = (
    ("", ("namespaces", "pods"), ("list", "watch")),
    ("apps", ("deployments", "replicasets", "statefulsets", "daemonsets"), ("list", "watch")),
    ("autoscaling", ("horizontalpodautoscalers",), ("list", "watch")),
    ("keda.sh", ("scaledobjects",), ("list", "watch")),
    ("flagger.app", ("canaries",), ("list", "watch")),
    ("metrics.k8s.io", ("pods",), ("list",)),
)
Rule = tuple[str, tuple[str, ...], tuple[str, ...]]
_DEPLOYMENTS: Final[Rule] = ("apps", ("deployments",), ("get", "patch"))
WRITES: Final[Mapping[ActionKind, tuple[Rule, ...]]] = {
    "scale": (_DEPLOYMENTS,),
    "restart": (_DEPLOYMENTS,),
    "roll_back_release": (_DEPLOYMENTS,),
    "set_floor": (
        ("autoscaling", ("horizontalpodautoscalers",), ("get", "patch")),
        ("keda.sh", ("scaledobjects",), ("get", "patch")),
    ),
}
"""What each action writes to: the object itself, so that effect and record are one."""


EVENTS: Final[Rule] = ("events.k8s.io", ("events",), ("create", "patch"))
"""What was done is told on its target too."""
OWN: Final[tuple[tuple[Rule, tuple[str, ...]], ...]] = (
    (("coordination.k8s.io", ("leases",), ("create",)), ()),
    (("coordination.k8s.io", ("leases",), ("get", "update")), ("homeostat",)),
    (("", ("configmaps",), ("create",)), ()),
    (("", ("configmaps",), ("get", "update")), ("homeostat-ledger",)),
)
"""What several replicas share, in our own namespace; with the names of the objects."""


def manifests(settings: HealingSettings, *, own_namespace: str) -> tuple[dict[str, Any], ...]:
    """Return what a cluster's administrator applies, in order."""
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": own_namespace}
    reader = f"{NAME}-reader"
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": NAME, "namespace": own_namespace},
        },
        _role("ClusterRole", reader, None, READS),
        _binding("ClusterRole", reader, None, account),
    ]
    keeper = _role("Role", f"{NAME}-keeper", own_namespace, (rule for rule, _ in OWN))
    for rule, (_, names) in zip(keeper["rules"], OWN, strict=True):
        if names:
            rule["resourceNames"] = list(names)
    objects += [keeper, _binding("Role", f"{NAME}-keeper", own_namespace, account)]
    for namespace in healed_namespaces(settings):
        healer = f"{NAME}-healer"
        objects.append(_role("Role", healer, namespace, (*_writes(settings, namespace), EVENTS)))
        objects.append(_binding("Role", healer, namespace, account))
    return tuple(objects)


def _writes(settings: HealingSettings, namespace: str) -> tuple[Rule, ...]:
    """The rules of the actions that may be carried out in a namespace, each once."""
    kinds = [k for k in ACTION_KINDS if settings.mode_for(namespace, k) == "auto"]
    return tuple(dict.fromkeys(rule for kind in kinds for rule in WRITES[kind]))


def healed_namespaces(settings: HealingSettings) -> tuple[str, ...]:
    """Return the namespaces where at least one action may be carried out.

    A mode for all namespaces (`healing.mode`) gives no right: rights are for named ones.
    """
    return tuple(
        sorted(
            name
            for name in settings.namespaces
            if any(settings.mode_for(name, kind) == "auto" for kind in ACTION_KINDS)
        )
    )


def _role(
    kind: str,
    name: str,
    namespace: str | None,
    rules: Iterable[tuple[str, tuple[str, ...], tuple[str, ...]]],
) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": _meta(name, namespace),
        "rules": [
            {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
            for group, resources, verbs in rules
        ],
    }


def _binding(
    kind: str, name: str, namespace: str | None, account: dict[str, str]
) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": _meta(name, namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [account],
    }


def _meta(name: str, namespace: str | None) -> dict[str, str]:
    return {"name": name, **({"namespace": namespace} if namespace else {})}
