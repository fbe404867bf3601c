"""MemoryLeak of a service: most of its pods ramp up, and until their limit so much time is left.

Half of the pods of which an hour is known must ramp: a leak is in the code that all of them run,
and one pod of many ramps by chance now and then. Or all of them put together ramp, whose chances
even out, and half of them grow as fast as a leak does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from analysis.detectors.leak import (
    BLOCKS,
    GONE_S,
    PODS_MAX,
    Floors,
    PodKey,
    Ramp,
    Reading,
    begin,
    pooled,
    ramps,
    service_of,
)
from analysis.settings import AnalysisSettings
from knowledge.cluster import ClusterReport
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Health, Symptom
from knowledge.windows import WindowTables

PODS_SHARE_MIN: Final = 0.5
_OFF_RATIO: Final = 0.5
"""A leak is over when its ramp is less than half of what it takes to be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """The floors of all pods, and their ramps as of the last five minutes that are over.

    whole: the ramp of all pods of a service put together, where there are several.
    """

    pods: Mapping[PodKey, Floors] = field(default_factory=dict)
    ramps: Mapping[PodKey, Ramp] = field(default_factory=dict)
    whole: Mapping[ServiceKey, Ramp] = field(default_factory=dict)
    leaking: frozenset[ServiceKey] = frozenset()


def remember(
    leaks: Leaks,
    tables: WindowTables,
    cluster: ClusterReport | None,
    workloads: Mapping[ServiceKey, WorkloadKey],
    settings: AnalysisSettings,
) -> Leaks:
    """Take in what is known of the pods' memory; judge those whose five minutes are over."""
    pods = dict(leaks.pods)
    born = {pod.name: pod.started_unix_ns for pod in cluster.pods} if cluster else {}
    for key, reading in _readings(tables, cluster, workloads):
        was = pods.pop(key, None)
        now = was.after(reading) if was else begin(reading, born_unix_ns=born.get(key[2]))
        pods[key] = now  # in order of when they were heard last
    newest = max((floors.read_unix_ns for floors in pods.values()), default=0)
    horizon = newest - int(GONE_S * 1e9)
    kept = [(key, floors) for key, floors in pods.items() if floors.read_unix_ns >= horizon]
    return judged(leaks, dict(kept[-PODS_MAX:]), settings)


def judged(leaks: Leaks, pods: Mapping[PodKey, Floors], settings: AnalysisSettings) -> Leaks:
    """Judge the pods whose five minutes are over; of the others their ramp is known already."""
    due = {
        key: floors
        for key, floors in pods.items()
        if len(floors.levels) >= BLOCKS
        and (key not in leaks.pods or leaks.pods[key].block != floors.block)
    }
    found = {**leaks.ramps, **ramps(due, settings)}
    known = {k: r for k, r in found.items() if k in pods and len(pods[k].levels) >= BLOCKS}
    return replace(leaks, pods=pods, ramps=known, whole=_whole(leaks, known, due, pods, settings))


def _whole(
    leaks: Leaks,
    known: Mapping[PodKey, Ramp],
    due: Mapping[PodKey, Floors],
    pods: Mapping[PodKey, Floors],
    settings: AnalysisSettings,
) -> dict[ServiceKey, Ramp]:
    """The ramps of services of several pods, judged anew where one of their pods was."""
    members: dict[ServiceKey, list[PodKey]] = {}
    for pod in known:
        members.setdefault(service_of(pod), []).append(pod)
    touched = {service_of(pod) for pod in due}
    several = {service: own for service, own in members.items() if len(own) > 1}
    new = {
        (service.namespace, service.name, ""): pooled([pods[pod] for pod in several[service]])
        for service in sorted(touched & several.keys())
    }
    found = {service_of(key): ramp for key, ramp in ramps(new, settings).items()}
    return {s: r for s, r in {**leaks.whole, **found}.items() if s in several}


def detect_leaks(leaks: Leaks, settings: AnalysisSettings) -> tuple[Leaks, tuple[Symptom, ...]]:
    """Judge each service of which pods are known for an hour."""
    by_service: dict[ServiceKey, list[tuple[PodKey, Ramp]]] = {}
    for pod, ramp in leaks.ramps.items():
        by_service.setdefault(service_of(pod), []).append((pod, ramp))
    symptoms = []
    for service in sorted(by_service):
        found = sorted(by_service[service], key=lambda item: (-item[1].growth_per_h_low, item[0]))
        is_on = service in leaks.leaking
        ramping = [item for item in found if _ramps(item[1], settings, is_on=is_on)]
        is_sick = len(ramping) >= max(1.0, PODS_SHARE_MIN * len(found))
        whole = leaks.whole.get(service)
        if not is_sick and whole and _ramps(whole, settings, is_on=is_on):
            ramping = [item for item in found if item[1].growth_per_h >= settings.leak_per_h_min]
            is_sick = len(ramping) >= max(1.0, PODS_SHARE_MIN * len(found))
        symptoms.append(_symptom(service, ramping or found, len(found), settings, is_sick=is_sick))
    leaking = frozenset(s.service for s in symptoms if s.health == "unhealthy")
    return replace(leaks, leaking=leaking), tuple(symptoms)


def _ramps(ramp: Ramp, settings: AnalysisSettings, *, is_on: bool) -> bool:
    return ramp.is_leak or (is_on and ramp.growth_per_h >= _OFF_RATIO * settings.leak_per_h_min)


def _symptom(
    service: ServiceKey,
    ramping: list[tuple[PodKey, Ramp]],
    pods: int,
    settings: AnalysisSettings,
    *,
    is_sick: bool,
) -> Symptom:
    worst = ramping[0][1]
    left = [ramp.limit_in_s for _, ramp in ramping if ramp.limit_in_s is not None]
    until = f", at this pace at its limit in {min(left) / 60:,.0f} min" if left else ""
    text = (
        f"{service}: the memory of {len(ramping)} of {pods} pods rises by "
        f"{worst.growth_per_h:.0%} an hour ({worst.growth_per_h_low:.0%} at least){until}"
    )
    health: Health = "unhealthy" if is_sick else "healthy"
    return Symptom(
        kind="MemoryLeak",
        service=service,
        health=health,
        value=worst.growth_per_h,
        limit=settings.leak_per_h_min,
        baseline=0.0,
        unit="1/h",
        sample_count=pods,
        is_entry=False,
        evidence=(text,) if is_sick else (),
        exemplars=(),
    )


def _readings(
    tables: WindowTables, cluster: ClusterReport | None, workloads: Mapping[ServiceKey, WorkloadKey]
) -> list[tuple[PodKey, Reading]]:
    """The newest memory of each pod: by telemetry, else by the cluster."""
    loads = {
        (row["namespace"], row["service"]): row["arrival_per_s"]
        for row in tables.services.select("namespace", "service", "arrival_per_s").iter_rows(
            named=True
        )
    }
    found: dict[PodKey, Reading] = {}
    for row in tables.usage.iter_rows(named=True):
        level = row["memory_bytes"] if row["memory_bytes"] is not None else row["memory_ratio"]
        if level is not None:
            key = (row["namespace"], row["service"], row["pod"])
            found[key] = Reading(
                time_unix_ns=row["time_unix_ns"],
                level=level,
                limit_ratio=row["memory_ratio"],
                load_per_s=loads.get(key[:2], 0.0),
            )
    if cluster is not None:
        names = {key: service for service, key in workloads.items()}
        seen = {key[2] for key in found}
        for pod in cluster.pods:
            service = names.get(pod.workload)
            if service is not None and pod.memory_ratio is not None and pod.name not in seen:
                found[(service.namespace, service.name, pod.name)] = Reading(
                    time_unix_ns=cluster.observed_unix_ns,
                    level=pod.memory_ratio,
                    limit_ratio=pod.memory_ratio,
                    load_per_s=loads.get((service.namespace, service.name), 0.0),
                )
    return list(found.items())
