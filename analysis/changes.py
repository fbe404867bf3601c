"""What was changed within the last minutes: most incidents follow a change, so each issue shows it.

The cluster tells of releases and replicas by what its reports differ in; telemetry tells of a
version that a service had not run before, and of the events of Kubernetes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from analysis.settings import AnalysisSettings
from knowledge.cluster import ClusterReport
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import ChangeEvent, ChangeKind
from knowledge.windows import WindowTables

EVENTS_MAX: Final = 1_000
SHOWN_MAX: Final = 10
SCALED: Final = ("ScalingReplicaSet", "SuccessfulRescale")
"""Reasons of events that warn of nothing and are changes all the same."""
VERSIONS_MAX: Final = 16
"""Versions remembered of a service: one that writes a new one into each span is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Events of the last minutes, oldest first, and what they were told from."""

    events: tuple[ChangeEvent, ...] = ()
    workloads: Mapping[WorkloadKey, tuple[int, int]] = field(default_factory=dict)
    versions: Mapping[ServiceKey, tuple[str, ...]] = field(default_factory=dict)

    def after(
        self,
        tables: WindowTables,
        cluster: ClusterReport | None,
        settings: AnalysisSettings,
        *,
        now_unix_ns: int,
    ) -> "Changes":
        """Return the changes after one more look; the first look at something is no change."""
        events = list(self.events)
        workloads = self.workloads
        if cluster is not None:
            workloads = {w.key: (w.revision, w.replicas) for w in cluster.workloads}
            events += self._of_cluster(cluster)
        events += _of_kubernetes(tables, cluster)
        versions = dict(self.versions)
        for row in tables.instances.iter_rows(named=True):
            service = ServiceKey(namespace=row["namespace"], name=row["service"])
            known, version = versions.get(service, ()), row["version"]
            if not version or version in known:
                continue
            if known and len(known) < VERSIONS_MAX:
                text = f"{service} began to run version {version}, before {known[-1]}"
                events.append(_event(tables.end_unix_ns, "version", str(service), text))
            versions[service] = (*known, version)[-VERSIONS_MAX:]
        horizon = now_unix_ns - int(settings.change_retention_s * 1e9)
        kept = [event for event in _each_once(events) if event.unix_ns >= horizon]
        return replace(
            self, events=tuple(kept[-EVENTS_MAX:]), workloads=workloads, versions=versions
        )

    def _of_cluster(self, cluster: ClusterReport) -> list[ChangeEvent]:
        found = []
        for workload in cluster.workloads:
            before = self.workloads.get(workload.key)
            if before is None:
                continue
            revision, replicas = before
            subject = str(workload.key)
            if workload.revision != revision:
                release = workload.current_revision()
                at = release.created_unix_ns if release else cluster.observed_unix_ns
                version = release.version if release else str(workload.revision)
                text = f"{subject} went to release {version}"
                found.append(_event(max(at, 0), "release", subject, text))
            if workload.replicas != replicas:
                text = f"{subject} was scaled from {replicas} to {workload.replicas} replicas"
                found.append(_event(cluster.observed_unix_ns, "scale", subject, text))
        return found

    def concerning(
        self,
        services: tuple[ServiceKey, ...],
        workloads: Mapping[ServiceKey, WorkloadKey],
    ) -> tuple[ChangeEvent, ...]:
        """Return the changes of these services and of their workloads, the newest first."""
        subjects = {str(service) for service in services}
        subjects |= {str(workloads[service]) for service in services if service in workloads}
        mine = [event for event in self.events if event.subject in subjects]
        return tuple(sorted(mine, key=lambda e: (-e.unix_ns, e.kind, e.subject))[:SHOWN_MAX])


def _of_kubernetes(tables: WindowTables, cluster: ClusterReport | None) -> list[ChangeEvent]:
    """Warnings, and what was scaled: of a pod to its service and to its workload."""
    told = tables.events.filter(pl.col("is_warning") | pl.col("reason").is_in(SCALED))
    if told.is_empty():
        return []
    services = {
        pod: str(ServiceKey(namespace=namespace, name=service))
        for namespace, service, pod in tables.instances.select(
            "namespace", "service", "pod"
        ).iter_rows()
    }
    workloads = cluster.workloads if cluster is not None else ()
    found = []
    for row in told.iter_rows(named=True):
        namespace, kind, name = row["namespace"], row["object_kind"], row["object_name"]
        owners = [
            str(workload.key)
            for workload in workloads
            if workload.key.namespace == namespace and _is_of(name, workload.key)
        ]
        told_by_name = services.get(name) if kind == "Pod" else None
        # the longest name is the nearest: `cart-db` before `cart` for `cart-db-7d4f-x2x9z`
        subject = max(owners, key=len, default=told_by_name or f"{kind} {namespace}/{name}")
        text = f"{kind} {namespace}/{name}: {row['text']}"
        found.append(_event(row["time_unix_ns"], "event", subject, text))
    return found


def _each_once(events: list[ChangeEvent]) -> list[ChangeEvent]:
    """Of what Kubernetes says again and again the newest only."""
    newest = {event.text: event.unix_ns for event in events if event.kind == "event"}
    return [e for e in events if e.kind != "event" or e.unix_ns == newest[e.text]]


def _is_of(name: str, workload: WorkloadKey) -> bool:
    return name == workload.name or name.startswith(f"{workload.name}-")


def _event(unix_ns: int, kind: ChangeKind, subject: str, text: str) -> ChangeEvent:
    return ChangeEvent(unix_ns=unix_ns, kind=kind, subject=subject, text=text)
