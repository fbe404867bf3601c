"""What an account of ours must never do, though its rights allow all of it: each a request.

A request is (what it is, method, path, body); `{ns}` is the opted-in namespace with the workload
`cart` under way in it, `{home}` our own namespace. All are sent as dry runs,
but those with a question of their own, which know none.
"""

from typing import Any, Final

Request = tuple[str, str, str, Any]
CART: Final = "/apis/apps/v1/namespaces/{ns}/deployments/cart"
POD: Final = {"containers": [{"name": "a", "image": "a:1"}]}
TEMPLATE: Final = {"metadata": {"labels": {"app": "x"}}, "spec": POD}
SELECTOR: Final = {"matchLabels": {"app": "x"}}
JOB: Final = {"template": {"spec": {**POD, "restartPolicy": "Never"}}}
RBAC: Final = "rbac.authorization.k8s.io"
ROLE_REF: Final = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
RULES: Final = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
CRD: Final = {
    "group": "evil.example",
    "scope": "Namespaced",
    "names": {"plural": "evils", "kind": "Evil", "singular": "evil"},
    "versions": [
        {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object"}},
        }
    ],
}
RULE: Final = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {}}]}}

NAMESPACED: Final[tuple[tuple[str, str, str, dict[str, Any]], ...]] = (
    ("v1", "pods", "Pod", {"spec": POD}),
    ("v1", "secrets", "Secret", {"data": {}}),
    ("v1", "configmaps", "ConfigMap", {"data": {"a": "b"}}),
    ("v1", "services", "Service", {"spec": {"ports": [{"port": 80}]}}),
    ("v1", "serviceaccounts", "ServiceAccount", {}),
    ("v1", "endpoints", "Endpoints", {}),
    ("v1", "limitranges", "LimitRange", {"spec": {"limits": []}}),
    ("v1", "resourcequotas", "ResourceQuota", {"spec": {"hard": {"pods": "1"}}}),
    ("v1", "podtemplates", "PodTemplate", {"template": {**TEMPLATE}}),
    (
        "v1",
        "replicationcontrollers",
        "ReplicationController",
        {"spec": {"selector": {"app": "x"}, "template": TEMPLATE}},
    ),
    (
        "v1",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            }
        },
    ),
    (
        "apps/v1",
        "deployments",
        "Deployment",
        {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    ),
    (
        "apps/v1",
        "replicasets",
        "ReplicaSet",
        {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    ),
    ("apps/v1", "daemonsets", "DaemonSet", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    (
        "apps/v1",
        "statefulsets",
        "StatefulSet",
        {"spec": {"selector": SELECTOR, "template": TEMPLATE, "serviceName": "x"}},
    ),
    ("apps/v1", "controllerrevisions", "ControllerRevision", {"revision": 1, "data": {}}),
    ("batch/v1", "jobs", "Job", {"spec": JOB}),
    (
        "batch/v1",
        "cronjobs",
        "CronJob",
        {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}}},
    ),
    (
        "policy/v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        {"spec": {"minAvailable": 0, "selector": SELECTOR}},
    ),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", {"spec": {"podSelector": {}}}),
    (
        "networking.k8s.io/v1",
        "ingresses",
        "Ingress",
        {"spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}},
    ),
    (f"{RBAC}/v1", "roles", "Role", {"rules": RULES}),
    (f"{RBAC}/v1", "rolebindings", "RoleBinding", {"roleRef": ROLE_REF, "subjects": []}),
    (
        "autoscaling/v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        {
            "spec": {
                "maxReplicas": 9,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
            }
        },
    ),
    (
        "coordination.k8s.io/v1",
        "leases",
        "Lease",
        {"spec": {"holderIdentity": "x", "leaseDurationSeconds": 13}},
    ),
    (
        "discovery.k8s.io/v1",
        "endpointslices",
        "EndpointSlice",
        {"addressType": "IPv4", "endpoints": []},
    ),
)
CLUSTER_WIDE: Final[tuple[tuple[str, str, str, dict[str, Any]], ...]] = (
    ("v1", "namespaces", "Namespace", {}),
    ("v1", "nodes", "Node", {}),
    (
        "v1",
        "persistentvolumes",
        "PersistentVolume",
        {
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/"},
            }
        },
    ),
    (f"{RBAC}/v1", "clusterroles", "ClusterRole", {"rules": RULES}),
    (f"{RBAC}/v1", "clusterrolebindings", "ClusterRoleBinding", {"roleRef": ROLE_REF}),
    ("storage.k8s.io/v1", "storageclasses", "StorageClass", {"provisioner": "x"}),
    ("storage.k8s.io/v1", "csidrivers", "CSIDriver", {"spec": {}}),
    ("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", {"value": 1}),
    ("node.k8s.io/v1", "runtimeclasses", "RuntimeClass", {"handler": "x"}),
    ("networking.k8s.io/v1", "ingressclasses", "IngressClass", {"spec": {"controller": "a/b"}}),
    (
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        {"spec": CRD},
    ),
)


def creations() -> list[Request]:
    """Make anything: in the opted-in namespace, in our own, in kube-system, or for all."""
    made: list[Request] = []
    for place in ("{ns}", "{home}", "kube-system"):
        for version, plural, kind, rest in NAMESPACED:
            root = _root(version)
            body = {"apiVersion": version, "kind": kind, "metadata": {"name": "evil"}, **rest}
            path = f"{root}/namespaces/{place}/{plural}"
            made.append((f"create {plural} in {place}", "POST", path, body))
    for version, plural, kind, rest in CLUSTER_WIDE:
        name = "evils.evil.example" if "crd" in kind.lower() or "Definition" in kind else "evil"
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}
        made.append((f"create {plural}", "POST", f"{_root(version)}/{plural}", body))
    return made


def deletions() -> list[Request]:
    """Delete what is there, one or many, and evict."""
    evict = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "{pod}"}}
    pods = "/api/v1/namespaces/{ns}/pods"
    return [
        ("delete the workload", "DELETE", CART, None),
        ("delete all workloads", "DELETE", "/apis/apps/v1/namespaces/{ns}/deployments", None),
        ("delete a pod", "DELETE", f"{pods}/{{pod}}", None),
        ("delete all pods", "DELETE", pods, None),
        ("evict a pod", "POST", f"{pods}/{{pod}}/eviction", evict),
        ("delete the namespace", "DELETE", "/api/v1/namespaces/{ns}", None),
        ("delete a node", "DELETE", "/api/v1/nodes/node-0", None),
        ("delete a role", "DELETE", f"/apis/{RBAC}/v1/clusterroles/view", None),
        (
            "delete the account",
            "DELETE",
            "/api/v1/namespaces/{home}/serviceaccounts/homeostat",
            None,
        ),
    ]


def patches() -> list[Request]:
    """Change things that are no workload, or the workload by another door."""
    scale = {"spec": {"replicas": 3}}
    labels = {"metadata": {"labels": {"homeostat.dev/heal": "enabled"}}}
    pod = "/api/v1/namespaces/{ns}/pods/{pod}"
    return [
        ("scale by the subresource", "PATCH", f"{CART}/scale", scale),
        ("set a workload's status", "PATCH", f"{CART}/status", {"status": {"replicas": 9}}),
        ("opt a namespace in", "PATCH", "/api/v1/namespaces/kube-system", labels),
        ("cordon a node", "PATCH", "/api/v1/nodes/node-0", {"spec": {"unschedulable": True}}),
        ("label a node", "PATCH", "/api/v1/nodes/node-0", {"metadata": {"labels": {"a": "b"}}}),
        ("label a pod", "PATCH", pod, {"metadata": {"labels": {"app": "other"}}}),
        ("set a pod's status", "PATCH", f"{pod}/status", {"status": {"phase": "Failed"}}),
        ("run a command in a pod", "POST", f"{pod}/exec?command=sh&stdout=true", None),
        ("attach to a pod", "POST", f"{pod}/attach?stdout=true", None),
        ("speak through a pod", "POST", f"{pod}/proxy?path=/", None),
        ("forward a pod's port", "POST", f"{pod}/portforward?ports=80", None),
        (
            "ask for a token",
            "POST",
            "/api/v1/namespaces/{home}/serviceaccounts/homeostat/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        ),
        (
            "change the ceiling of an autoscaler",
            "PATCH",
            "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers/cart",
            {"spec": {"maxReplicas": 50}},
        ),
        (
            "raise a floor above the ceiling of a ScaledObject",
            "PATCH",
            "/apis/keda.sh/v1alpha1/namespaces/{ns}/scaledobjects/cart",
            {"spec": {"minReplicaCount": 50}},
        ),
        (
            "label an autoscaler",
            "PATCH",
            "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers/cart",
            {"metadata": {"labels": {"a": "b"}}},
        ),
    ]


def workload_changes() -> list[Request]:
    """Change the opted-in workload in any way but ours."""
    return [(f"set {name}", "PATCH", CART, body) for name, body in _WORKLOAD.items()]


def _template(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


def _container(**fields: Any) -> dict[str, Any]:
    return _template(containers=[{"name": "app", **fields}])


SECRET: Final = {"secretKeyRef": {"name": "token", "key": "token"}}
_WORKLOAD: Final[dict[str, dict[str, Any]]] = {
    "replicas to 0": {"spec": {"replicas": 0}},
    "replicas times 2.5": {"spec": {"replicas": 5}},
    "replicas above the limit": {"spec": {"replicas": 400}},
    "paused": {"spec": {"paused": True}},
    "minReadySeconds": {"spec": {"minReadySeconds": 5}},
    "revisionHistoryLimit": {"spec": {"revisionHistoryLimit": 0}},
    "progressDeadlineSeconds": {"spec": {"progressDeadlineSeconds": 5}},
    "strategy": {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
    "maxUnavailable": {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": "100%"}}}},
    "a label": {"metadata": {"labels": {"owner": "me"}}},
    "a foreign annotation": {"metadata": {"annotations": {"a": "b"}}},
    "the opt-in": {"metadata": {"annotations": {"homeostat.dev/heal": None}}},
    "the limit": {"metadata": {"annotations": {"homeostat.dev/replicas-max": "500"}}},
    "a finalizer": {"metadata": {"finalizers": ["example.com/stay"]}},
    "an owner": {
        "metadata": {
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]
        }
    },
    "a template label": {"spec": {"template": {"metadata": {"labels": {"inject": "yes"}}}}},
    "a template annotation": {
        "spec": {"template": {"metadata": {"annotations": {"vault.example/inject": "true"}}}}
    },
    "another image": _container(image="evil.example/cart:1.1.0"),
    "another repository of the registry": _container(image="registry.example/evil:1.1.0"),
    "an image by digest elsewhere": _container(image=f"evil.example/cart@sha256:{'0' * 64}"),
    "command": _container(command=["sh"]),
    "args": _container(args=["-c", "evil"]),
    "workingDir": _container(workingDir="/"),
    "imagePullPolicy": _container(imagePullPolicy="Always"),
    "privileged": _container(securityContext={"privileged": True}),
    "capabilities": _container(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
    "runAsUser": _container(securityContext={"runAsUser": 0}),
    "ports": _container(ports=[{"containerPort": 22}]),
    "env from a secret": _container(env=[{"name": "T", "valueFrom": SECRET}]),
    "envFrom": _container(envFrom=[{"secretRef": {"name": "token"}}]),
    "lifecycle": _container(lifecycle={"postStart": {"exec": {"command": ["sh"]}}}),
    "livenessProbe": _container(livenessProbe={"exec": {"command": ["sh"]}}),
    "readinessProbe": _container(readinessProbe={"tcpSocket": {"port": 1}}),
    "stdin": _container(stdin=True),
    "terminationMessagePath": _container(terminationMessagePath="/evil"),
    "a second container": _template(containers=[{"name": "b", "image": "registry.example/cart:1"}]),
    "an init container": _template(
        initContainers=[{"name": "b", "image": "registry.example/cart:1"}]
    ),
    "a volume": _template(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    "a secret's volume": _template(volumes=[{"name": "s", "secret": {"secretName": "token"}}]),
    "serviceAccountName": _template(serviceAccountName="admin"),
    "automountServiceAccountToken": _template(automountServiceAccountToken=True),
    "hostNetwork": _template(hostNetwork=True),
    "hostPID": _template(hostPID=True),
    "hostIPC": _template(hostIPC=True),
    "shareProcessNamespace": _template(shareProcessNamespace=True),
    "nodeName": _template(nodeName="node-0"),
    "nodeSelector": _template(nodeSelector={"a": "b"}),
    "tolerations": _template(tolerations=[{"operator": "Exists"}]),
    "priorityClassName": _template(priorityClassName="system-node-critical"),
    "schedulerName": _template(schedulerName="evil"),
    "runtimeClassName": _template(runtimeClassName="evil"),
    "dnsPolicy": _template(dnsPolicy="Default"),
    "hostAliases": _template(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["db"]}]),
    "imagePullSecrets": _template(imagePullSecrets=[{"name": "theirs"}]),
    "pod securityContext": _template(securityContext={"runAsUser": 0}),
    "terminationGracePeriodSeconds": _template(terminationGracePeriodSeconds=9),
}


def _root(version: str) -> str:
    return "/api/v1" if version == "v1" else f"/apis/{version}"
