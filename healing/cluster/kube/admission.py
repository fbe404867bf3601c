"""A leash in the API server itself: what our account may change, whatever its rights.

Rights (`rbac.py`) say on what it may write; this ValidatingAdmissionPolicy says how: only within
the bounds of our actions, only where namespace and workload are opted in. It holds against a bug of
ours and against a stolen token, and is kept by the API server, so nothing of ours can fail open.
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/

Everything that is not named here is denied. CEL sees the whole object, not the ReplicaSets: whether
a template is that of an older release is not known, so a roll-back may change image tags, plain
environment values and resources, and nothing by which a container could become another program.
"""

from typing import Any, Final

from healing.cluster.kube import lease_object, ledger_content
from healing.cluster.kube.names import (
    ACTION,
    BOOST,
    ENABLED,
    FENCE,
    HEAL,
    REPLICAS_MAX,
    RESTARTED_AT,
    TEMPLATE_HASH,
)
from healing.cluster.kube.rbac import NAME as ACCOUNT
from healing.cluster.kube.rbac import healed_namespaces
from healing.settings import HealingSettings

NAME: Final = "homeostat-bounds"
_SERVER_KEPT: Final = ("managedFields", "resourceVersion", "generation", "annotations")
_VERSION_LABELS: Final = ("app.kubernetes.io/version", "version", "helm.sh/chart", TEMPLATE_HASH)
_CONTAINER_FREE: Final = ("image", "env", "resources")
_REVIEWS: Final = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")

_WHAT: Final = """
request.resource.group + '/' + request.resource.resource
+ (has(request.subResource) && request.subResource != '' ? '/' + request.subResource : '')
+ ' ' + request.operation
"""


def policy(
    settings: HealingSettings, *, own_namespace: str, replicas_max: int
) -> tuple[dict[str, Any], ...]:
    """Return the policy and its binding, for a cluster's administrator to apply."""
    account = f"system:serviceaccount:{own_namespace}:{ACCOUNT}"
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": ["*"],
                    "apiVersions": ["*"],
                    "operations": ["*"],
                    "resources": ["*/*"],
                }
            ]
        },
        "matchConditions": [
            {"name": "only-homeostat", "expression": f"request.userInfo.username == '{account}'"}
        ],
        "variables": [
            {"name": name, "expression": _one_line(text)} for name, text in _VARIABLES.items()
        ],
        "validations": [
            {"expression": _one_line(text), "message": f"homeostat may not {message}"}
            for message, text in _rules(settings, own_namespace, replicas_max).items()
        ],
    }
    root = "admissionregistration.k8s.io/v1"
    return (
        {
            "apiVersion": root,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": NAME},
            "spec": spec,
        },
        {
            "apiVersion": root,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": NAME},
            "spec": {"policyName": NAME, "validationActions": ["Deny"]},
        },
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _names(words: tuple[str, ...]) -> str:
    return f"[{', '.join(repr(word) for word in words)}]"


def _same(new: str, old: str, free: tuple[str, ...], *, but_for: str = "") -> str:
    """All keys of two maps are the same, except the `free` ones and those that begin `but_for`."""
    is_free = f"k in {_names(free)}" + (f" || k.startsWith('{but_for}')" if but_for else "")
    return f"""({new}.all(k, {is_free} || (k in {old} && {old}[k] == {new}[k]))
        && {old}.all(k, {is_free} || k in {new}))"""


def _or_empty(path: str) -> str:
    """The map at `path`, or an empty one: Kubernetes leaves out what is empty."""
    return f"(has({path}) ? {path} : {{}})"


def _repositories(containers: str) -> str:
    """The images of containers without tag and digest."""
    return f"""{containers}.map(c, c.image.split('@')[0]).map(i,
        i.lastIndexOf(':') > i.lastIndexOf('/') ? i.substring(0, i.lastIndexOf(':')) : i)"""


_NEW: Final = "object.spec.template"
_OLD: Final = "oldObject.spec.template"
_VARIABLES: Final = {
    "what": _WHAT,
    "deployment": "variables.what == 'apps/deployments UPDATE'",
    "floor": """variables.what in
        ['autoscaling/horizontalpodautoscalers UPDATE', 'keda.sh/scaledobjects UPDATE']""",
    "marks": f"request.operation == 'UPDATE' ? {_or_empty('object.metadata.annotations')} : {{}}",
    "marksBefore": (
        f"request.operation == 'UPDATE' ? {_or_empty('oldObject.metadata.annotations')} : {{}}"
    ),
}
"""What several rules ask. Each is worked out only where a rule wants it."""


def _rules(settings: HealingSettings, home: str, replicas_max: int) -> dict[str, str]:
    """What homeostat may not, and the expression that is false where it tries."""
    places = _names(healed_namespaces(settings))
    return {
        "do this at all": """variables.deployment || variables.floor || variables.what in [
            'coordination.k8s.io/leases CREATE', 'coordination.k8s.io/leases UPDATE',
            '/configmaps CREATE', '/configmaps UPDATE', 'events.k8s.io/events CREATE',
            'events.k8s.io/events UPDATE',"""
        + ", ".join(f"'authorization.k8s.io/{name} CREATE'" for name in _REVIEWS)
        + "]",
        "touch any lease or ConfigMap but its own": f"""
            !(request.resource.resource in ['leases', 'configmaps'])
            || (request.namespace == '{home}' && request.name in
                ['{lease_object.NAME}', '{ledger_content.NAME}']
                && (request.resource.resource == 'leases')
                    == (request.name == '{lease_object.NAME}'))""",
        "write events about others' namespaces, or in another's name": f"""
            request.resource.resource != 'events' || (request.namespace in {places}
            && object.reportingController == 'homeostat.dev/homeostat')""",
        "act outside of the namespaces that healing is on for": f"""
            !(variables.deployment || variables.floor) || (request.namespace in {places}
            && has(namespaceObject.metadata.labels)
            && '{HEAL}' in namespaceObject.metadata.labels
            && namespaceObject.metadata.labels['{HEAL}'] == '{ENABLED}')""",
        "act on a workload that is not opted in": f"""!variables.deployment
            || ('{HEAL}' in variables.marksBefore
            && variables.marksBefore['{HEAL}'] == '{ENABLED}')""",
        "change metadata beside its own annotations": f"""
            !(variables.deployment || variables.floor)
            || ({_same("object.metadata", "oldObject.metadata", _SERVER_KEPT)}
            && {_same("variables.marks", "variables.marksBefore", (ACTION, BOOST, FENCE))})""",
        "change more of an autoscaler than its floor": f"""!variables.floor
            || {_same("object.spec", "oldObject.spec", ("minReplicas", "minReplicaCount"))}""",
        "raise a floor above the ceiling": """!variables.floor
            || ((has(object.spec.minReplicas) ? object.spec.minReplicas : 1)
                <= (has(object.spec.maxReplicas) ? object.spec.maxReplicas : 100)
            && (has(object.spec.minReplicaCount) ? object.spec.minReplicaCount : 1)
                <= (has(object.spec.maxReplicaCount) ? object.spec.maxReplicaCount : 100))""",
        "change more of a Deployment than replicas and template": f"""!variables.deployment
            || {_same("object.spec", "oldObject.spec", ("replicas", "template"))}""",
        "scale by more than a factor of two, to nothing, or above the limit": f"""
            !variables.deployment || object.spec.replicas == oldObject.spec.replicas
            || (object.spec.replicas >= 1
            && object.spec.replicas <= oldObject.spec.replicas * 2
            && object.spec.replicas * 2 >= oldObject.spec.replicas
            && (object.spec.replicas < oldObject.spec.replicas || object.spec.replicas <=
                ('{REPLICAS_MAX}' in variables.marksBefore
                && variables.marksBefore['{REPLICAS_MAX}'].matches('^[0-9]{{1,6}}$')
                ? int(variables.marksBefore['{REPLICAS_MAX}']) : {replicas_max})))""",
        **_template_rules(),
    }


def _template_rules() -> dict[str, str]:
    """What of a pod template may differ: the marks of a restart, and those of another release."""
    meta, before = f"{_NEW}.metadata", f"{_OLD}.metadata"
    spec, spec_before = f"{_NEW}.spec", f"{_OLD}.spec"
    labels, labels_before = (_or_empty(f"{path}.labels") for path in (meta, before))
    marks, marks_before = (_or_empty(f"{path}.annotations") for path in (meta, before))
    lists = ("containers", "initContainers")
    return {
        "change a template's metadata beside restart marks, checksums and versions": f"""
            !variables.deployment
            || ({_same(meta, before, ("labels", "annotations", "creationTimestamp"))}
            && {_same(labels, labels_before, _VERSION_LABELS)}
            && {_same(marks, marks_before, (RESTARTED_AT,), but_for="checksum/")})""",
        "change what pods are allowed, where they run or what they mount": f"""
            !variables.deployment || {_same(spec, spec_before, lists)}""",
        **_container_rules("containers", "containers"),
        **_container_rules("initContainers", "init containers"),
    }


def _container_rules(field: str, called: str) -> dict[str, str]:
    new, old = f"{_NEW}.spec", f"{_OLD}.spec"
    news, olds = (f"(has({at}.{field}) ? {at}.{field} : [])" for at in (new, old))
    return {
        f"add, remove or rename {called}": f"""!variables.deployment
            || {news}.map(c, c.name) == {olds}.map(c, c.name)""",
        f"take images of {called} from another repository": f"""!variables.deployment
            || {_repositories(news)} == {_repositories(olds)}""",
        f"change more of {called} than image tag, environment and resources": f"""
            !variables.deployment || {news}.all(c, {olds}.exists(o, o.name == c.name
            && {_same("c", "o", _CONTAINER_FREE)}))""",
        f"point the environment of {called} to other sources": f"""!variables.deployment
            || {news}.all(c, {olds}.exists(o, o.name == c.name && (!has(c.env) || c.env.all(e,
            !has(e.valueFrom) || (has(o.env) && o.env.exists(x, x == e))))))""",
    }
