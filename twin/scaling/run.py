"""A run: a workload, pods that take time to start, and an autoscaler that decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from twin.scaling.event_engine import EventEngine
from twin.scaling.faults import Fault, dark_times, killed_in, startup_of
from twin.scaling.judge import Score, judge
from twin.scaling.pod_models import PodModel
from twin.scaling.record import Record
from twin.scaling.workload import Workload

TICK_S: Final = 5
"""Decisions and starts fall on multiples of this."""


class Engine(Protocol):
    """Serves requests with the pods that are ready."""

    record: Record

    def advance(self, to_s: int, pods: int) -> None:
        """Serve until `to_s`."""
        ...

    def latency_ms_p99(self, from_s: int, to_s: int) -> float:
        """The 99th percentile of what arrived in these seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAge:
    """A pod: when it was created and, once it is, when it became ready."""

    created_s: int
    ready_s: int


@dataclass(slots=True, kw_only=True)
class Signals:
    """What an autoscaler may know at `now_s`. Telemetry of a gap is None, never zero.

    `gaps`: seconds [from, to) of which no telemetry ever arrives; the metrics of the cluster do.
    """

    now_s: int
    replicas: int
    pods: tuple[PodAge, ...]
    engine: Engine
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def ready_count(self) -> int:
        """Pods that serve."""
        return sum(pod.ready_s <= self.now_s for pod in self.pods)

    def is_gap(self, from_s: int, to_s: int) -> bool:
        """Whether telemetry of these seconds is missing, in part or wholly."""
        return any(from_s < end and begin < to_s for begin, end in self.gaps)

    def arrivals_per_s(self, window_s: int, lag_s: int) -> float | None:
        """Requests a second by spans; None without a single span: a gap looks just like that."""
        to_s = self.now_s - lag_s
        if to_s < window_s or self.is_gap(to_s - window_s, to_s):
            return None
        return self.engine.record.arrived_in(to_s - window_s, to_s) / window_s or None

    def latency_ms_p99(self, window_s: int, lag_s: int) -> float | None:
        """The p99 by spans."""
        to_s = self.now_s - lag_s
        if to_s < window_s or self.is_gap(to_s - window_s, to_s):
            return None
        return self.engine.latency_ms_p99(to_s - window_s, to_s) or None

    def sojourn_ms_mean(self, window_s: int, lag_s: int) -> float | None:
        """The mean time in the service by spans."""
        to_s = self.now_s - lag_s
        if to_s < window_s or self.is_gap(to_s - window_s, to_s):
            return None
        return self.engine.record.sojourn_ms_mean(to_s - window_s, to_s) or None

    def busy_workers(self, window_s: int, lag_s: int) -> float:
        """Mean number of busy workers, as the cluster's metrics have it."""
        to_s = self.now_s - lag_s
        return self.engine.record.busy_in(to_s - window_s, to_s) / window_s


class Policy(Protocol):
    """An autoscaler in a run: how often it is asked, and what it wants."""

    period_s: int

    def decide(self, signals: Signals) -> int:
        """Return the wanted replicas."""
        ...


@dataclass(slots=True, kw_only=True)
class Run:
    """What happened: the record of the engine, and the wanted replicas each `TICK_S`."""

    model: PodModel
    record: Record
    replicas: list[int] = field(default_factory=list)
    scale_downs_in_gaps: int = 0

    def score(self) -> Score:
        """The three figures."""
        return judge(self.record, self.replicas, TICK_S, self.model)


def simulate(
    workload: Workload,
    model: PodModel,
    policy: Policy,
    *,
    seed: int,
    engine: Engine | None = None,
    gaps: tuple[tuple[int, int], ...] = (),
    faults: Sequence[Fault] = (),
    replicas: int | None = None,
) -> Run:
    """Run a workload under a policy and return what happened.

    `replicas`: pods at the beginning; what the first minute needs at half load if not given. Slow
    work is the workload's. What a killed pod was given is still done: a run counts no lost answers.
    """
    gaps = (*gaps, *dark_times(faults))
    engine = engine or EventEngine(workload, model, seed=seed)
    wanted = replicas if replicas is not None else _first_replicas(workload, model)
    pods = [PodAge(created_s=-3600, ready_s=-3600)] * wanted
    run = Run(model=model, record=engine.record)
    for now_s in range(0, workload.duration_s - workload.duration_s % TICK_S, TICK_S):
        pods = _replaced(pods, killed_in(faults, now_s, now_s + TICK_S), now_s, faults, model)
        if now_s % policy.period_s == 0:
            signals = Signals(
                now_s=now_s, replicas=wanted, pods=tuple(pods), engine=engine, gaps=gaps
            )
            before = wanted
            wanted = min(max(policy.decide(signals), model.replicas_min), model.replicas_max)
            run.scale_downs_in_gaps += wanted < before and _is_dark(signals)
            pods = _resized(pods, wanted, now_s, startup_of(faults, now_s, model.startup_s))
        run.replicas.append(wanted)
        engine.advance(now_s + TICK_S, sum(pod.ready_s <= now_s for pod in pods))
    return run


def _is_dark(signals: Signals) -> bool:
    """Whether the last two ticks brought no telemetry."""
    return signals.now_s >= 4 * TICK_S and signals.arrivals_per_s(2 * TICK_S, TICK_S) is None


def _first_replicas(workload: Workload, model: PodModel) -> int:
    rate = float(workload.counts[:60].mean())
    needed = int(rate / model.requests_per_s_max / 0.5) + 1
    return min(max(needed, model.replicas_min), model.replicas_max)


def _resized(pods: list[PodAge], wanted: int, now_s: int, startup_s: int) -> list[PodAge]:
    """The pods after a decision: the youngest leave first, those that are not ready before all."""
    if wanted <= len(pods):
        return pods[:wanted]
    new = PodAge(created_s=now_s, ready_s=now_s + startup_s)
    return [*pods, *([new] * (wanted - len(pods)))]


def _replaced(
    pods: list[PodAge], count: int, now_s: int, faults: Sequence[Fault], model: PodModel
) -> list[PodAge]:
    """The pods after the oldest of them were killed and created anew."""
    if not count:
        return pods
    return _resized(pods[count:], len(pods), now_s, startup_of(faults, now_s, model.startup_s))
