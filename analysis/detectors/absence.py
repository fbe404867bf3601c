"""ServiceDown: a service that was heard of is silent, and somebody else says why.

Absence alone proves nothing: an exporter may have stopped, a Collector may have died, or nobody
called. So silence needs a witness. Callers are one: their calls, nearly all of them, get no answer,
not even one with the code of a failure; a service whose exporter alone is silent still answers. The
cluster is the other: no pod is ready, or all fail our probe. Where both speak they must not
contradict each other.

Calls are counted from when the service was last heard, so that few callers, or a sample of one
trace in a hundred, need more time and not more luck.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from analysis.detectors.error_ratio import wilson_lower
from analysis.settings import AnalysisSettings
from knowledge.cluster import ClusterReport, Pod, Workload
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Health, Symptom
from knowledge.windows import WindowTables

LOST_RATIO_MIN: Final = 0.75
"""Surely more than three of four calls get no answer; a service that is only slow answers some."""
LOST_RATIO_SURE: Final = 0.9
"""Needed against a cluster that holds the pods to be ready, as it does where nothing probes them:
at least 35 calls, none of them answered."""
KNOWN_COUNT_MIN: Final = 20
"""Requests that a service served before its silence is worth a word."""
FORGET_S: Final = 1800.0
"""A service that is silent for so long is no longer expected; once an issue is open it stays."""
SERVICES_MAX: Final = 20_000
"""Services that are remembered, those heard of last."""
REPORT_AGE_S_MAX: Final = 60.0
_SENDERS_MIN: Final = 3
"""So many services silent together, and at least a third of all, point to the pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What is known of one service: when it was heard last, and how calls to it ended since."""

    heard_unix_ns: int
    served_count: int
    call_count: int = 0
    lost_count: int = 0
    is_down: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Presences:
    """All services that are expected, and how callers name them; replaced, never changed."""

    services: Mapping[ServiceKey, Presence] = field(default_factory=dict)
    names: Mapping[tuple[str, str], ServiceKey] = field(default_factory=dict)

    def after(self, tables: WindowTables) -> "Presences":
        """Return what is known after one more look."""
        services, names = dict(self.services), dict(self.names)
        heard: dict[ServiceKey, int] = {}
        missed: dict[ServiceKey, tuple[int, int]] = {}
        for row in tables.recent.iter_rows(named=True):
            own = ServiceKey(namespace=row["namespace"], name=row["service"])
            if own.name:
                heard[own] = heard.get(own, 0) + row["served_count"]
                if row["peer"]:
                    names[(own.namespace, row["peer"])] = own
                continue
            called = names.get((own.namespace, row["peer"])) or replace(own, name=row["peer"])
            calls, lost = missed.get(called, (0, 0))
            missed[called] = (calls + row["call_count"], lost + row["lost_count"])
        for service, count in heard.items():
            was = services.pop(service, None)
            served = count + (was.served_count if was else 0)
            services[service] = Presence(heard_unix_ns=tables.end_unix_ns, served_count=served)
        for service, (calls, lost) in missed.items():
            known = services.get(service)
            if known is not None and service not in heard:
                services[service] = replace(
                    known,
                    call_count=known.call_count + calls,
                    lost_count=known.lost_count + lost,
                )
        horizon = tables.end_unix_ns - int(FORGET_S * 1e9)
        kept = [(s, p) for s, p in services.items() if p.heard_unix_ns >= horizon or p.is_down]
        services = dict(kept[-SERVICES_MAX:])
        return Presences(services=services, names={k: s for k, s in names.items() if s in services})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """What the cluster says of a service."""

    says: Literal["down", "ready", "well", "stopped", "starting", "nothing"]
    text: str = ""


def detect_absence(
    presences: Presences,
    end_unix_ns: int,
    cluster: ClusterReport | None,
    workloads: Mapping[ServiceKey, WorkloadKey],
    settings: AnalysisSettings,
    *,
    now_unix_ns: int,
) -> tuple[Presences, tuple[Symptom, ...]]:
    """Judge each service that is expected; what was found down stays so until it is heard again."""
    if cluster and now_unix_ns - cluster.observed_unix_ns > REPORT_AGE_S_MAX * 1e9:
        cluster = None
    known = {s: p for s, p in presences.services.items() if p.served_count >= KNOWN_COUNT_MIN}
    limit_ns = int(settings.silent_s_min * 1e9)
    silent = {s for s, p in known.items() if end_unix_ns - p.heard_unix_ns >= limit_ns}
    is_pipeline = len(silent) >= max(_SENDERS_MIN, len(known) / 3)
    symptoms, services = [], dict(presences.services)
    for service, presence in known.items():
        silent_s = (end_unix_ns - presence.heard_unix_ns) / 1e9
        health: Health = "healthy"
        text = ""
        if service in silent:
            word = _word(cluster, workloads.get(service), now_unix_ns=now_unix_ns)
            health, text = _judged(presence, word, is_pipeline=is_pipeline)
            if presence.is_down and health == "unknown" and word.says not in {"stopped", "well"}:
                health = "unhealthy"
            services[service] = replace(presence, is_down=health == "unhealthy")
        symptoms.append(
            Symptom(
                kind="ServiceDown",
                service=service,
                health=health,
                value=silent_s,
                limit=settings.silent_s_min,
                baseline=None,
                unit="s",
                sample_count=presence.call_count,
                is_entry=False,
                evidence=(f"{service}: silent for {silent_s:.0f} s; {text}",) if text else (),
                exemplars=(),
            )
        )
    return replace(presences, services=services), tuple(symptoms)


def _judged(presence: Presence, word: _Word, *, is_pipeline: bool) -> tuple[Health, str]:
    calls, lost = presence.call_count, presence.lost_count
    surely = wilson_lower(lost, calls)
    said = f"{lost} of {calls} calls to it got no answer"
    if word.says == "stopped":
        return "unknown", word.text
    if word.says == "down":
        return "unhealthy", word.text + (f"; {said}" if calls else "")
    if surely >= LOST_RATIO_MIN and word.says in {"nothing", "starting"}:
        return "unhealthy", said
    if surely >= LOST_RATIO_SURE and word.says == "ready":
        return "unhealthy", f"{said}; {word.text}"
    if is_pipeline:
        return "unknown", "many services fell silent together: telemetry is lost on its way"
    if not calls:
        return "unknown", "nobody calls it"
    if lost < calls / 2:
        return (
            "unknown",
            f"{calls - lost} of {calls} calls to it were answered: its exporter is mute",
        )
    return "unknown", f"{said}: too few to be sure"


def _word(cluster: ClusterReport | None, key: WorkloadKey | None, *, now_unix_ns: int) -> _Word:
    workload = cluster.workload(key) if cluster and key else None
    if cluster is None or workload is None:
        return _Word(says="nothing")
    if not workload.replicas:
        return _Word(says="stopped", text="scaled to zero")
    pods = cluster.pods_of(workload.key)
    if not workload.ready_replicas:
        if _is_young(workload, pods, now_unix_ns=now_unix_ns):
            return _Word(says="starting", text="its pods are starting")
        return _Word(says="down", text=f"none of {workload.replicas} pods is ready")
    if pods and all(pod.probe == "failed" for pod in pods):
        return _Word(says="down", text=f"all {len(pods)} pods fail our probe")
    if any(pod.ready and pod.probe == "ok" for pod in pods):
        return _Word(says="well", text="a pod is ready and answers our probe")
    return _Word(says="ready", text=f"{workload.ready_replicas} pods are held to be ready")


def _is_young(workload: Workload, pods: tuple[Pod, ...], *, now_unix_ns: int) -> bool:
    """A rollout or a start that is under way takes its time before it is a failure."""
    born = now_unix_ns - int(STARTING_S * 1e9)
    is_first_start = all(p.started_unix_ns > born and not p.restart_count for p in pods)
    return (workload.is_rolling or bool(pods)) and is_first_start


STARTING_S: Final = 60.0
"""What a pod may take to get ready; after that a workload without a ready pod is down."""
