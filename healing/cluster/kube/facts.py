"""From the copies of the API's objects to the report that planning reads. Pure."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeVar

from healing.cluster.kube.boosts import boost_of
from healing.cluster.kube.names import ENABLED, HEAL, MIRROR, REPLICAS_MAX
from healing.cluster.kube.objects import Bare, Container, PodMetrics, PodObject
from healing.cluster.kube.owners import NONE, Others, owners_of
from healing.cluster.kube.quantity import parse_quantity
from healing.cluster.kube.releases import RolledOut, revisions_of, unix_ns
from healing.cluster.kube.workloads import Deployed
from knowledge.cluster import Boost, ClusterReport, Pod, Probe, Scaler, Workload
from knowledge.identity import WorkloadKey

T = TypeVar("T")
_ENDED: Final = frozenset({"Succeeded", "Failed"})
WORKLOADS_AT_ONCE: Final = 50
PODS_AT_ONCE: Final = 200
"""Some milliseconds' worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All objects that a report is made of, by uid; workloads by (kind, uid)."""

    namespaces: Mapping[str, Bare]
    workloads: Mapping[tuple[str, str], Deployed]
    replica_sets: Mapping[str, RolledOut]
    pods: Mapping[str, PodObject]
    others: Others
    usage: Mapping[tuple[str, str], PodMetrics]
    probes: Mapping[str, Probe]
    own_namespace: str | None
    replicas_max: int


def drawn(facts: Facts, *, observed_unix_ns: int) -> Generator[None, None, ClusterReport]:
    """Draw the report up in slices of some milliseconds; between two others may have their turn.

    Pods that no workload of ours owns are left out. `facts` must not change meanwhile.
    """
    enabled = {
        namespace.metadata.name
        for namespace in facts.namespaces.values()
        if namespace.metadata.labels.get(HEAL) == ENABLED
    }
    sets: dict[str, list[RolledOut]] = {}
    for rolled in facts.replica_sets.values():
        owner = rolled.metadata.controller()
        if owner is not None and owner.kind == "Deployment":
            sets.setdefault(owner.uid, []).append(rolled)
    yield
    others = facts.others.by_target()
    yield
    workloads: dict[str, Workload] = {}
    for some in batched(facts.workloads.items(), WORKLOADS_AT_ONCE):
        for (kind, uid), deployed in some:
            meta = deployed.metadata
            pointing = others.get((meta.namespace, kind, meta.name), NONE)
            workloads[uid] = _workload(deployed, kind, sets.get(uid, ()), enabled, pointing, facts)
        yield
    pods: list[Pod] = []
    for part in batched(facts.pods.values(), PODS_AT_ONCE):
        pods += [found for pod in part if (found := _pod(pod, workloads, facts)) is not None]
        yield
    return ClusterReport(
        observed_unix_ns=observed_unix_ns,
        workloads=tuple(sorted(workloads.values(), key=lambda w: w.key)),
        pods=tuple(pods),
    )


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in parts of at most `size`."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _workload(
    deployed: Deployed,
    kind: str,
    sets: Iterable[RolledOut],
    enabled: set[str],
    others: Others,
    facts: Facts,
) -> Workload:
    meta = deployed.metadata
    owners = owners_of(deployed, kind, others, own_namespace=facts.own_namespace)
    wished = meta.annotations.get(REPLICAS_MAX, "")
    return Workload(
        key=WorkloadKey(namespace=meta.namespace, kind=kind, name=meta.name, uid=meta.uid),
        resource_version=deployed.token(),
        replicas=deployed.replicas,
        ready_replicas=deployed.ready_replicas(),
        strategy=_strategy(deployed.strategy),
        revisions=revisions_of(sets),
        revision=deployed.release,
        is_rolling=deployed.is_rolling(),
        is_opted_in=meta.namespace in enabled and meta.annotations.get(HEAL) == ENABLED,
        steered_by=owners.steered_by,
        replicas_max=int(wished) if wished.isdigit() else facts.replicas_max,
        last_action_id=deployed.last_action_id(),
        scaled_by=owners.scaled_by,
        released_by=owners.released_by,
        untouchable=owners.untouchable,
        sized_by=owners.sized_by,
        scaler=owners.scaler,
        boost=_boost(deployed, owners.scaler, others),
    )


def _boost(deployed: Deployed, scaler: Scaler | None, others: Others) -> Boost | None:
    """What we added and did not take back yet: of replicas, or of the autoscaler's floor."""
    if scaler is None:
        return boost_of(deployed.metadata.annotations)
    for found in (*others.scaled_objects, *others.autoscalers):
        if found.metadata.uid == scaler.uid:
            return boost_of(found.metadata.annotations)
    return None


def _strategy(name: str) -> Literal["RollingUpdate", "Recreate", "OnDelete"]:
    """What we do not know we do not trust to keep pods up."""
    match name:
        case "RollingUpdate" | "OnDelete":
            return name
        case _:
            return "Recreate"


def _pod(pod: PodObject, workloads: Mapping[str, Workload], facts: Facts) -> Pod | None:
    """One pod of a workload that is reported, by owner uids; None for any other.

    Pods on their way out and pods that have ended serve nobody.
    """
    meta = pod.metadata
    owner = meta.controller()
    if (
        owner is None
        or MIRROR in meta.annotations
        or meta.deletion_timestamp is not None
        or pod.status.phase in _ENDED
    ):
        return None
    rolled = facts.replica_sets.get(owner.uid)
    above = rolled.metadata.controller() if rolled is not None else owner
    workload = workloads.get(above.uid) if above is not None else None
    if workload is None:
        return None
    states = pod.status.container_statuses
    usage = facts.usage.get((meta.namespace, meta.name))
    started = [s.state.running.started_at for s in states if s.state.running]
    born = [unix_ns(at) for at in (*started, pod.status.start_time, meta.creation_timestamp) if at]
    return Pod(
        name=meta.name,
        uid=meta.uid,
        workload=workload.key,
        revision=rolled.release if rolled is not None else workload.revision,
        ready=any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions),
        restart_count=sum(state.restart_count for state in states),
        oom_killed=any(
            s.last_state.terminated is not None and s.last_state.terminated.reason == "OOMKilled"
            for s in states
        ),
        started_unix_ns=born[0] if born else 0,
        cpu_ratio=_used(pod.spec.containers, usage, "cpu"),
        memory_ratio=_used(pod.spec.containers, usage, "memory"),
        probe=facts.probes.get(meta.uid, "unknown"),
    )


def _used(containers: Iterable[Container], usage: PodMetrics | None, resource: str) -> float | None:
    """The usage of the container that is nearest to its limit, as a share of that."""
    if usage is None:
        return None
    used = {container.name: container.usage.get(resource, "") for container in usage.containers}
    ratios = []
    for container in containers:
        limit = parse_quantity(container.resources.limits.get(resource, ""))
        now = parse_quantity(used.get(container.name, ""))
        if limit and now is not None:
            ratios.append(now / limit)
    return max(ratios, default=None)
