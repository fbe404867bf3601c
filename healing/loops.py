"""One autoscaler on one workload: which controller it is, what it is shown, and what it wants."""

from dataclasses import dataclass, replace
from typing import Final

from healing.autoscalers import AutoscalerSettings, RegulationSettings
from healing.control.hpa import SYNC_S, Hpa, HpaInput, HpaSettings, HpaState
from healing.control.hpa_metrics import Reading, Sample, Utilization
from healing.control.hpa_pods import PodFacts
from healing.control.pid_autoscaler import (
    PidAutoscaler,
    PidScalerInput,
    PidScalerSettings,
    PidScalerState,
)
from healing.control.slo_autoscaler import SloAutoscaler, SloInput, SloSettings, SloState
from healing.demand import Demand, demand_of
from healing.situation import Situation
from healing.usage import cpu_of
from knowledge.cluster import Pod, Workload

MILLI: Final = 1000
PERCENT: Final = 100
Controller = SloState | PidScalerState | HpaState


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """What one look leaves for the next.

    `replicas`: there were at the last look. `demand`: of the last look at which something was seen.
    """

    controller: Controller
    replicas: int
    foreign_until_unix_ns: int = 0
    due_unix_ns: int = 0
    demand: Demand | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The replicas that the controller wants (None: it holds), and why."""

    replicas: int | None
    reason: str


def begin(autoscaler: AutoscalerSettings, workload: Workload, *, now_unix_ns: int) -> Loop:
    """Start without a jump: what is there counts as what was needed until now."""
    controller: Controller
    match autoscaler.policy:
        case "slo":
            controller = SloState(needs=((now_unix_ns, workload.replicas),))
        case "pid":
            controller = PidScalerState(commanded=workload.replicas)
        case "hpa-form":
            controller = HpaState()
    return Loop(controller=controller, replicas=workload.replicas)


def wish_of(
    loop: Loop,
    workload: Workload,
    situation: Situation,
    autoscaler: AutoscalerSettings,
    regulation: RegulationSettings,
    *,
    pane_s: float,
) -> tuple[Loop, Wish]:
    """Show the controller what there is, and return what it wants."""
    now = situation.now_unix_ns
    assert situation.cluster is not None  # the workload is of its report
    controller = loop.controller
    if isinstance(controller, SloState):
        return _by_arrivals(
            loop, controller, workload, situation, autoscaler, regulation, pane_s=pane_s
        )
    if now < loop.due_unix_ns:
        return loop, Wish(replicas=None, reason="between two looks")
    loop = replace(loop, due_unix_ns=now + int(SYNC_S * 1e9))
    pods = situation.cluster.pods_of(workload.key)
    if isinstance(controller, PidScalerState):
        return _by_pid(loop, controller, workload, situation, autoscaler)
    return _by_hpa(loop, controller, workload, pods, situation, autoscaler)


def _by_arrivals(
    loop: Loop,
    controller: SloState,
    workload: Workload,
    situation: Situation,
    autoscaler: AutoscalerSettings,
    regulation: RegulationSettings,
    *,
    pane_s: float,
) -> tuple[Loop, Wish]:
    before = loop.demand
    demand = demand_of(
        situation,
        workload.key,
        pane_s=pane_s,
        age_s_max=regulation.telemetry_age_s_max,
        latency_ms_before=before.latency_ms if before else None,
        usual_per_s=controller.forecast.level,
    )
    settings = SloSettings(
        limit_ms=autoscaler.latency_ms_max,
        late_ratio_max=autoscaler.late_ratio_max,
        replicas_min=autoscaler.min,
        replicas_max=autoscaler.max,
        workers_per_pod=autoscaler.concurrency,
        startup_s=autoscaler.startup_s,
        hysteresis_pods=1.0,  # of two pods another one is half as much again: worth a change
        service_gain=0.1,
    )
    seen = SloInput(
        replicas=workload.replicas,
        ready_count=workload.ready_replicas,
        arrivals_per_s=demand.arrivals_per_s,
        sojourn_ms_mean=demand.own_ms_mean,
        latency_ms_p99=demand.own_ms_p99,
    )
    if controller.service_ms is None and demand.own_ms_mean:
        controller = replace(controller, service_ms=demand.own_ms_mean)
    state, decision = SloAutoscaler(settings).step(
        controller, seen, now_unix_ns=situation.now_unix_ns
    )
    if demand.arrivals_per_s is None:
        return replace(loop, controller=state, demand=None), Wish(
            replicas=None, reason=demand.reason
        )
    reason = (
        f"{demand.arrivals_per_s:.1f} requests/s, {decision.rate_foreseen:.1f} foreseen, "
        f"{decision.service_ms:.0f} ms each: {decision.need} needed; {decision.reason}"
    )
    return replace(loop, controller=state, demand=demand), Wish(
        replicas=decision.replicas, reason=reason
    )


def _by_pid(
    loop: Loop,
    controller: PidScalerState,
    workload: Workload,
    situation: Situation,
    autoscaler: AutoscalerSettings,
) -> tuple[Loop, Wish]:
    assert situation.cluster is not None  # pods are of its report
    settings = PidScalerSettings(
        setpoint=autoscaler.cpu_target,
        replicas_min=autoscaler.min,
        replicas_max=autoscaler.max,
        period_s=SYNC_S,
    )
    usage = cpu_of(situation.cluster, workload.key)
    seen = PidScalerInput(
        measured=usage,
        measured_unix_ns=situation.cluster.observed_unix_ns,
        replicas=workload.replicas,
        starting=max(workload.replicas - workload.ready_replicas, 0),
    )
    state, decision = PidAutoscaler(settings).step(
        controller, seen, now_unix_ns=situation.now_unix_ns
    )
    loop = replace(loop, controller=state)
    if decision.output.held:
        return loop, Wish(replicas=None, reason=decision.output.held)
    return loop, Wish(
        replicas=decision.replicas, reason=f"pods use {usage:.0%} of their CPU: {decision.reason}"
    )


def _by_hpa(
    loop: Loop,
    controller: HpaState,
    workload: Workload,
    pods: tuple[Pod, ...],
    situation: Situation,
    autoscaler: AutoscalerSettings,
) -> tuple[Loop, Wish]:
    assert situation.cluster is not None  # pods are of its report
    observed = situation.cluster.observed_unix_ns
    target = Utilization(resource="cpu", percent=round(autoscaler.cpu_target * PERCENT))
    samples = {
        pod.name: Sample(value_milli=int(pod.cpu_ratio * MILLI), at_unix_ns=observed)
        for pod in pods
        if pod.cpu_ratio is not None
    }
    seen = HpaInput(
        replicas=workload.replicas,
        status_replicas=len(pods),
        pods=[
            PodFacts(
                name=pod.name,
                is_ready=pod.ready,
                started_unix_ns=pod.started_unix_ns,
                ready_changed_unix_ns=pod.started_unix_ns,
                requests_milli={"cpu": MILLI},
            )
            for pod in pods
        ],
        readings=[Reading(target=target, samples=samples)],
    )
    settings = HpaSettings(replicas_min=autoscaler.min, replicas_max=autoscaler.max)
    state, decision = Hpa(settings).step(controller, seen, now_unix_ns=situation.now_unix_ns)
    loop = replace(loop, controller=state)
    if not decision.is_active:
        return loop, Wish(replicas=None, reason=decision.reason)
    return loop, Wish(replicas=decision.replicas, reason=decision.reason)
