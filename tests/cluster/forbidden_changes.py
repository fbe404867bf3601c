"""What must never be done to an opted-in workload, though our rights allow to patch it."""

from typing import Any, Final

from tests.cluster.forbidden import CART, Request


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
