"""Who runs where and who calls whom, as far as telemetry and the cluster agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from knowledge.cluster import ClusterReport
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.windows import WindowTables

CALLERS_MAX: Final = 20_000
DEPTH_MAX: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Callees:
    """Whom each service was seen to call; replaced, never changed."""

    by_caller: Mapping[ServiceKey, frozenset[ServiceKey]] = field(default_factory=dict)

    def after(self, tables: WindowTables) -> "Callees":
        """Return what is known after one more look; the callers seen last are remembered."""
        new: dict[ServiceKey, set[ServiceKey]] = {}
        for row in tables.edges.iter_rows(named=True):
            caller = ServiceKey(namespace=row["caller_namespace"], name=row["caller"])
            callee = ServiceKey(namespace=row["callee_namespace"], name=row["callee"])
            new.setdefault(caller, set()).add(callee)
        known = {caller: names for caller, names in self.by_caller.items() if caller not in new}
        for caller, names in new.items():
            known[caller] = self.by_caller.get(caller, frozenset()) | names
        return Callees(by_caller=dict(list(known.items())[-CALLERS_MAX:]))

    def deepest(self, service: ServiceKey, among: frozenset[ServiceKey]) -> ServiceKey:
        """Return the service at the end of the calls from `service` that stay `among` these."""
        passed = {service}
        for _ in range(DEPTH_MAX):
            below = (self.by_caller.get(service, frozenset()) & among) - passed
            if not below:
                break
            service = min(below)
            passed.add(service)
        return service


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
