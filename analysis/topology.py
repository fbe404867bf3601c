"""Who runs where and who calls whom, as far as telemetry and the cluster agree."""

from collections.abc import Mapping

from knowledge.cluster import ClusterReport
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.windows import WindowTables


def workloads_of(
    tables: WindowTables,
    cluster: ClusterReport | None,
    known: Mapping[ServiceKey, WorkloadKey],
) -> dict[ServiceKey, WorkloadKey]:
    """Return the workload of each service: the owner of the pods that sent its spans.

    A pod that telemetry names counts only if the cluster knows it by uid, or by namespace and name
    where no uid was sent. A service that fell silent keeps the workload it had, while that exists.
    Pods of several workloads leave a service without one: better none than the wrong one.
    """
    if cluster is None:
        return dict(known)
    existing = {workload.key for workload in cluster.workloads}
    result = {service: key for service, key in known.items() if key in existing}
    by_uid = {pod.uid: pod.workload for pod in cluster.pods}
    by_name = {(pod.workload.namespace, pod.name): pod.workload for pod in cluster.pods}
    seen: dict[ServiceKey, set[WorkloadKey]] = {}
    for row in tables.instances.iter_rows(named=True):
        service = ServiceKey(namespace=row["namespace"], name=row["service"])
        owner = by_uid.get(row["pod_uid"])
        if owner is None and not row["pod_uid"]:
            owner = by_name.get((row["namespace"], row["pod"]))
        if owner is not None:
            seen.setdefault(service, set()).add(owner)
    for service, owners in seen.items():
        if len(owners) == 1:
            result[service] = next(iter(owners))
        else:
            result.pop(service, None)
    return result


def unanswered_ratio(tables: WindowTables, callee: ServiceKey) -> float:
    """Return the share of calls to `callee` whose server side never showed, in [0, 1]."""
    calls = unanswered = 0
    for row in tables.edges.iter_rows(named=True):
        if (row["callee_namespace"], row["callee"]) == (callee.namespace, callee.name):
            calls += row["call_count"]
            unanswered += row["unanswered_count"]
    return unanswered / calls if calls else 0.0
