"""What is probed of a pod, from the API's objects alone: its own address, its owner's own check.

No name and no address from telemetry is ever connected to, and none that a probe's owner wrote into
it: only the IP that the kubelet reported for the pod.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from healing.cluster.kube.objects import Container, ContainerPort, PodObject
from knowledge.cluster import ClusterReport
from knowledge.identity import WorkloadKey

TIMEOUT_S_MAX = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTarget:
    """One thing to ask of one pod. `path` is HTTP's, `service` gRPC's."""

    pod_uid: str
    workload: WorkloadKey
    kind: Literal["http", "https", "grpc", "tcp"]
    ip: str
    port: int
    path: str = "/"
    service: str = ""
    timeout_s: float = 1.0


def targets_of(report: ClusterReport, pods: Mapping[str, PodObject]) -> tuple[ProbeTarget, ...]:
    """Return what is to be asked: of opted-in workloads only, of running pods with an address."""
    opted_in = {workload.key for workload in report.workloads if workload.is_opted_in}
    found = (
        _target(pods[pod.uid], pod.workload)
        for pod in report.pods
        if pod.workload in opted_in and pod.uid in pods
    )
    return tuple(target for target in found if target is not None)


def _target(pod: PodObject, workload: WorkloadKey) -> ProbeTarget | None:
    if not pod.status.pod_ip or pod.status.phase != "Running":
        return None
    for container in pod.spec.containers:
        found = _declared(container, pod, workload)
        if found is not None:
            return found
    ports = (p for c in pod.spec.containers for p in c.ports if p.protocol == "TCP")
    first = next((p.container_port for p in ports if p.container_port), None)
    if first is None:
        return None
    return ProbeTarget(
        pod_uid=pod.metadata.uid, workload=workload, kind="tcp", ip=pod.status.pod_ip, port=first
    )


def _declared(container: Container, pod: PodObject, workload: WorkloadKey) -> ProbeTarget | None:
    probe = container.readiness_probe
    if probe is None:
        return None
    kind: Literal["http", "https", "grpc", "tcp"]
    path, service = "/", ""
    if probe.http_get is not None:
        kind = "https" if probe.http_get.scheme == "HTTPS" else "http"
        port, path = _number(probe.http_get.port, container.ports), probe.http_get.path or "/"
    elif probe.grpc is not None:
        kind, port, service = "grpc", probe.grpc.port, probe.grpc.service or ""
    elif probe.tcp_socket is not None:
        kind, port = "tcp", _number(probe.tcp_socket.port, container.ports)
    else:
        return None
    if not port:
        return None
    return ProbeTarget(
        pod_uid=pod.metadata.uid,
        workload=workload,
        kind=kind,
        ip=pod.status.pod_ip,
        port=port,
        path=path if path.startswith("/") else f"/{path}",
        service=service,
        timeout_s=min(float(probe.timeout_seconds), TIMEOUT_S_MAX),
    )


def _number(port: int | str, ports: Iterable[ContainerPort]) -> int:
    """The number of a port; 0 for a name that the container does not declare."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    named = (p.container_port for p in ports if p.name == port)
    return next(named, 0)
