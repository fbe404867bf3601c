"""HighResourceUsage: a workload works at its limit of CPU or memory, for some time.

Its pods' mean counts: one busy pod of ten is no shortage. What the cluster reports goes before what
senders of telemetry say. On above one limit, off below another, and only after `usage_hold_s`: a
scrape that fell into a second of garbage collection says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from analysis.settings import AnalysisSettings
from knowledge.cluster import ClusterReport
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Health, Symptom
from knowledge.windows import WindowTables

RESOURCES: Final = ("cpu", "memory")
READINGS_MIN: Final = 2
"""A single scrape is a moment, not a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """Since when a service is at a limit without a break, and whether it is held to be sick."""

    since_unix_ns: int
    read_unix_ns: int
    readings: int
    is_sick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The mean share of the limit over the pods of a service."""

    ratio: float
    pods: int
    time_unix_ns: int
    source: str


Strains = Mapping[tuple[ServiceKey, str], Strain]


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Readings by service and resource."""

    readings: Mapping[tuple[ServiceKey, str], Reading] = field(default_factory=dict)


def used(
    tables: WindowTables, cluster: ClusterReport | None, workloads: Mapping[ServiceKey, WorkloadKey]
) -> Used:
    """Return what services use: by telemetry, and by the cluster where it knows."""
    found: dict[tuple[ServiceKey, str], list[tuple[float, int]]] = {}
    for row in tables.usage.iter_rows(named=True):
        service = ServiceKey(namespace=row["namespace"], name=row["service"])
        for resource in RESOURCES:
            ratio = row[f"{resource}_ratio"]
            if ratio is not None:
                found.setdefault((service, resource), []).append((ratio, row["time_unix_ns"]))
    readings = {
        key: Reading(
            ratio=sum(ratio for ratio, _ in items) / len(items),
            pods=len(items),
            time_unix_ns=max(time for _, time in items),
            source="telemetry",
        )
        for key, items in found.items()
    }
    owners: dict[WorkloadKey, list[tuple[float | None, float | None]]] = {}
    for pod in cluster.pods if cluster else ():
        owners.setdefault(pod.workload, []).append((pod.cpu_ratio, pod.memory_ratio))
    for service, key in workloads.items():
        for index, resource in enumerate(RESOURCES):
            known = [pod[index] for pod in owners.get(key, ())]
            ratios = [ratio for ratio in known if ratio is not None]
            if ratios and cluster is not None:
                readings[(service, resource)] = Reading(
                    ratio=sum(ratios) / len(ratios),
                    pods=len(ratios),
                    time_unix_ns=cluster.observed_unix_ns,
                    source="the cluster",
                )
    return Used(readings=readings)


def detect_usage(
    found: Used, strains: Strains, settings: AnalysisSettings
) -> tuple[Strains, tuple[Symptom, ...]]:
    """Judge CPU and memory of each service whose usage is known."""
    after: dict[tuple[ServiceKey, str], Strain] = {}
    symptoms = []
    for (service, resource), reading in sorted(
        found.readings.items(), key=lambda item: (item[0][0], item[0][1])
    ):
        key = (service, resource)
        strain = _strained(strains.get(key), reading, settings)
        if strain is not None:
            after[key] = strain
        health: Health = "unhealthy" if strain and strain.is_sick else "healthy"
        text = (
            f"{service}: its {reading.pods} pods use {reading.ratio:.0%} of their {resource} limit "
            f"by {reading.source}"
        )
        symptoms.append(
            Symptom(
                kind="HighResourceUsage",
                service=service,
                health=health,
                value=reading.ratio,
                limit=settings.usage_ratio_max,
                baseline=None,
                unit="ratio",
                sample_count=reading.pods,
                is_entry=False,
                evidence=(text,) if health == "unhealthy" else (),
                exemplars=(),
                rule=resource,
            )
        )
    return after, tuple(symptoms)


def _strained(was: Strain | None, reading: Reading, settings: AnalysisSettings) -> Strain | None:
    """The strain after one more reading; None: there is none."""
    limit = settings.usage_ratio_off if was and was.is_sick else settings.usage_ratio_max
    if reading.ratio < limit:
        return None
    if was is None:
        now = reading.time_unix_ns
        return Strain(since_unix_ns=now, read_unix_ns=now, readings=1)
    readings = was.readings + (reading.time_unix_ns > was.read_unix_ns)
    held_s = (reading.time_unix_ns - was.since_unix_ns) / 1e9
    return Strain(
        since_unix_ns=was.since_unix_ns,
        read_unix_ns=max(reading.time_unix_ns, was.read_unix_ns),
        readings=readings,
        is_sick=was.is_sick or (readings >= READINGS_MIN and held_s >= settings.usage_hold_s),
    )
