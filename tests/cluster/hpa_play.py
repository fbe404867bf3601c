"""One sequence being played to the real controller, and the same shown to ours."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from healing.control.hpa import Hpa, HpaInput, HpaSettings, HpaState
from healing.control.hpa_behavior import Behavior, Moment, ScalingPolicy, ScalingRules
from healing.control.hpa_metrics import OutsideAverage, Reading, Sample, Tolerance, Utilization
from tests.cluster.hpa_objects import (
    CPU_MILLI,
    GROUP,
    MEMORY_MIB,
    MIB,
    ago,
    autoscaler,
    facts_of,
    unix_ns,
)
from tests.cluster.hpa_sequences import Phase, PodIn, Sequence
from tests.parts.kube import Kube, KubeError

STABILIZATION_S: Final = 8.0
SAME_SYNC_S: Final = 2.0
"""Requests for several metrics of one sync come closer together than this."""
SETTLE_S: Final = 1.5
"""From the last metric that was asked for until the controller has surely written."""
OFF_S: Final = 1.5
CACHE_S: Final = 0.7
"""Until the controller has surely heard of the pods of a new phase."""


@dataclass(slots=True)
class Sync:
    """What the controller saw at one sync, and the replicas that were there after it."""

    at_unix_ns: int
    seen: HpaInput
    after: int | None = None


@dataclass(slots=True)
class Play:
    """A sequence in a namespace of its own. While its world changes, no metrics are told."""

    sequence: Sequence
    admin: Kube
    phase_index: int = -1
    began_unix_s: float = 0.0
    syncs: list[Sync] = field(default_factory=list)
    seen_in_phase: int = 0
    silent_until_unix_s: float = float("inf")
    refused_unix_ns: int = 0
    first_unix_ns: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def namespace(self) -> str:
        return self.sequence.name

    @property
    def phase(self) -> Phase:
        return self.sequence.phases[max(self.phase_index, 0)]

    def _path(self, kind: str, name: str = "", group: str = "") -> str:
        root = f"/apis/{group}" if group else "/api/v1"
        path = f"{root}/namespaces/{self.namespace}/{kind}"
        return f"{path}/{name}" if name else path

    def begin(self) -> None:
        """Make the namespace, what is scaled, its pods, and the autoscaler last."""
        meta = {"name": self.namespace}
        self.admin.create(
            "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
        )
        thing = {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Thing",
            "metadata": {"name": "thing"},
            "spec": {"replicas": self.sequence.replicas},
        }
        self.admin.create(self._path("things", group=f"{GROUP}/v1"), thing)
        self.next_phase()
        path = self._path("horizontalpodautoscalers", group="autoscaling/v2")
        self.admin.create(path, autoscaler(self.sequence))

    def next_phase(self) -> bool:
        """Note what the last sync did and go to the next phase; false if there is none."""
        with self.lock:
            age_s = time.time() - self.syncs[-1].at_unix_ns / 1e9 if self.syncs else SETTLE_S
            if age_s < SETTLE_S:
                return True  # a sync came meanwhile
            self.silent_until_unix_s = float("inf")
            self._close()
        if self.phase_index + 1 >= len(self.sequence.phases):
            return False
        self.phase_index += 1
        self.seen_in_phase = 0
        self.began_unix_s = time.time()
        for old in self._pods():
            path = self._path("pods", old["metadata"]["name"])
            self.admin.ask("DELETE", path, {"gracePeriodSeconds": 0})
        for index, pod in enumerate(self.phase.pods):
            self._make(f"pod-{self.phase_index}-{index}", pod)
        thing = self._path("things", "thing", f"{GROUP}/v1")
        if self.phase.replicas is not None:
            self.admin.merge(thing, {"spec": {"replicas": self.phase.replicas}})
        status = {"replicas": len(self.phase.pods), "selector": "app=thing"}
        self.admin.merge(f"{thing}/status", {"status": status})
        self.silent_until_unix_s = time.time() + CACHE_S
        return True

    def _make(self, name: str, pod: PodIn) -> None:
        requests = {"cpu": f"{CPU_MILLI}m", "memory": f"{MEMORY_MIB}Mi"}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "thing"}},
            "spec": {
                "schedulerName": "nobody",
                "containers": [
                    {
                        "name": "app",
                        "image": "registry.example/x",
                        "resources": {"requests": requests},
                    }
                ],
            },
        }
        self.admin.create(self._path("pods"), body)
        if pod.phase == "Pending":
            return
        ready = {
            "type": "Ready",
            "status": "True" if pod.is_ready else "False",
            "lastTransitionTime": ago(self.began_unix_s, pod.ready_changed_s),
        }
        status = {
            "phase": pod.phase,
            "startTime": ago(self.began_unix_s, pod.started_s),
            "conditions": [ready],
        }
        self.admin.merge(f"{self._path('pods', name)}/status", {"status": status})

    def _pods(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.admin.get(self._path("pods"))["items"]
        return items

    def replicas(self) -> int:
        """What is wanted of the thing now."""
        thing = self.admin.get(self._path("things", "thing", f"{GROUP}/v1"))
        return int(thing["spec"]["replicas"])

    def _close(self) -> None:
        if self.syncs and self.syncs[-1].after is None:
            self.syncs[-1].after = self.replicas()

    def answer(self, metric: str) -> dict[str, Any] | None:
        """Answer the controller, and note what it is about to decide on."""
        with self.lock:
            return self._answer(metric)

    def _answer(self, metric: str) -> dict[str, Any] | None:
        now = time.time_ns()
        self.first_unix_ns = self.first_unix_ns or now
        if now < self.silent_until_unix_s * 1e9:
            self.refused_unix_ns = now
        if now - self.refused_unix_ns < SAME_SYNC_S * 1e9:
            return None  # without any metric it decides nothing, and remembers nothing
        is_new = not self.syncs or now - self.syncs[-1].at_unix_ns > SAME_SYNC_S * 1e9
        if is_new:
            self._close()
            self.syncs.append(Sync(now, self._seen()))
            self.seen_in_phase += 1
        if metric:
            return self._external()
        items = [
            {
                "metadata": {"name": name, "namespace": self.namespace},
                "timestamp": ago(self.began_unix_s, pod.sample_s),
                "window": "30s",
                "containers": [
                    {"name": "app", "usage": {"cpu": f"{pod.cpu}m", "memory": f"{pod.memory}Mi"}}
                ],
            }
            for name, pod in self._measured()
        ]
        return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items}

    def _external(self) -> dict[str, Any] | None:
        if self.phase.outside is None:
            return None
        item = {
            "metricName": "outside",
            "metricLabels": {},
            "timestamp": ago(time.time(), 0.0),
            "value": str(self.phase.outside),
        }
        group = "external.metrics.k8s.io/v1beta1"
        return {"kind": "ExternalMetricValueList", "apiVersion": group, "items": [item]}

    def _measured(self) -> list[tuple[str, PodIn]]:
        named = [(f"pod-{self.phase_index}-{i}", pod) for i, pod in enumerate(self.phase.pods)]
        return [(name, pod) for name, pod in named if pod.cpu is not None]

    def _seen(self) -> HpaInput:
        return HpaInput(
            replicas=self.replicas(),
            status_replicas=len(self.phase.pods),
            pods=[facts_of(pod) for pod in self._pods()],
            readings=[self._reading(*metric) for metric in self.sequence.metrics.items()],
        )

    def _reading(self, kind: str, target: int) -> Reading:
        if kind == "outside":
            outside = self.phase.outside
            return Reading(
                target=OutsideAverage(value_milli=target * 1000),
                outside_milli=None if outside is None else outside * 1000,
                error="" if outside is not None else "no such metric",
            )
        assert kind in {"cpu", "memory"}
        samples = {
            name: Sample(
                value_milli=(pod.cpu or 0) if kind == "cpu" else pod.memory * MIB * 1000,
                at_unix_ns=unix_ns(ago(self.began_unix_s, pod.sample_s)),
            )
            for name, pod in self._measured()
        }
        resource: Any = kind
        return Reading(target=Utilization(resource=resource, percent=target), samples=samples)

    def replay(self) -> list[tuple[int, int]]:
        """What there was after each sync, and what ours makes of the same."""
        # at its very first sync, told nothing yet, it noted the replicas that it found
        found = Moment(count=self.sequence.replicas, at_unix_ns=self.first_unix_ns)
        state, pairs = HpaState(recommendations=(found,)), []
        hpas = [Hpa(settings_of(self.sequence, off_s=off_s)) for off_s in (0.0, -OFF_S, OFF_S)]
        for sync in self.syncs:
            assert sync.after is not None
            answers = [hpa.step(state, sync.seen, now_unix_ns=sync.at_unix_ns) for hpa in hpas]
            equal = [a for a in answers if a[1].replicas == sync.after]
            state, decision = (equal or answers)[0]
            pairs.append((sync.after, decision.replicas))
        return pairs


def settings_of(sequence: Sequence, *, off_s: float = 0.0) -> HpaSettings:
    """The settings of ours that are those of the object.

    `off_s`: the real one looks at its own clock, a little after it asked for metrics; what falls
    that close to the end of a window may go either way.
    """
    behavior = sequence.behavior
    up, down = (
        (_rules(behavior[side], off_s) for side in ("scaleUp", "scaleDown"))
        if behavior
        else (None, None)
    )
    return HpaSettings(
        replicas_min=sequence.least,
        replicas_max=sequence.most,
        behavior=Behavior(up=up, down=down) if up and down else None,
        tolerance=Tolerance(
            up=_tolerance(behavior, "scaleUp"), down=_tolerance(behavior, "scaleDown")
        ),
        downscale_stabilization_s=STABILIZATION_S + off_s,
    )


def _tolerance(behavior: dict[str, Any] | None, side: str) -> float:
    given = (behavior or {}).get(side, {}).get("tolerance")
    return 0.1 if given is None else float(given.removesuffix("m")) / 1000.0


def _rules(rules: dict[str, Any], off_s: float) -> ScalingRules:
    window_s = rules["stabilizationWindowSeconds"]
    return ScalingRules(
        stabilization_s=window_s + off_s if window_s else 0.0,
        policies=tuple(
            ScalingPolicy(kind=p["type"], value=p["value"], period_s=p["periodSeconds"] + off_s)
            for p in rules["policies"]
        ),
        select=rules["selectPolicy"],
    )


def exists(admin: Kube, path: str) -> bool:
    """Whether something is there (yet)."""
    try:
        admin.get(path)
    except KubeError:
        return False
    return True
