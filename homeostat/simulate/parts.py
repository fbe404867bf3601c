"""From the sections of a scenario to the twin's parts: traffic, faults and policies."""

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from healing.control.keda import KedaSettings
from homeostat.simulate import scenario as sections
from homeostat.simulate.policies import Fixed, HpaCpu, HpaRps, KedaRps, PidCpu, Slo
from twin.scaling.faults import Fault, NoTelemetry, PodsKilled, SlowStarts, SlowWork, work_factors
from twin.scaling.pod_models import PodModel
from twin.scaling.run import TICK_S, Policy
from twin.scaling.shapes import Level, Ramp, Shape, Steps, Surge, Wave, counts_of
from twin.scaling.workload import Workload, read_trace


def workload_of(scenario: sections.Scenario, folder: Path, faults: list[Fault]) -> Workload:
    """Draw or read the requests; `folder`: of the scenario, where a trace is looked for.

    Raises:
        TraceError: the recording cannot be read.
        ScenarioError: it is too short for a single decision.
    """
    traffic, name = scenario.traffic, scenario.name or "scenario"
    if traffic.trace is not None:
        path = folder / traffic.trace
        counts = read_trace(path, scenario.service.model, seed=scenario.seed).counts
        if traffic.duration is not None:
            counts = counts[: round(traffic.duration)]
    else:
        assert traffic.duration is not None
        counts = counts_of(
            [shape_of(shape) for shape in traffic.shapes],
            duration_s=round(traffic.duration),
            dispersion=traffic.dispersion,
            seed=scenario.seed,
        )
    if len(counts) < TICK_S:
        raise sections.ScenarioError(
            f"traffic: {len(counts)} s: expected {TICK_S} s or more, the time between decisions"
        )
    for number, fault in enumerate(scenario.faults):
        if fault.at >= len(counts):
            at, end = clock(fault.at), clock(len(counts))
            raise sections.ScenarioError(
                f"faults.{number}.at: {at} is after the end of the traffic, {end}"
            )
    return Workload(name=name, counts=counts, work_factors=work_factors(faults, len(counts)))


def clock(at_s: float) -> str:
    """A time of a run as people read it."""
    days, rest = divmod(round(at_s), 86_400)
    told = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days} d {told}" if days else told


def shape_of(section: sections.ShapeSection) -> Shape:
    """The shape that a section tells."""
    match section:
        case sections.LevelShape():
            return Level(rate=section.rate)
        case sections.WaveShape():
            return Wave(
                low=section.low, high=section.high, period_s=section.period, peak_s=section.peak
            )
        case sections.RampShape():
            return Ramp(
                begin_s=section.begin, end_s=section.end, low=section.low, high=section.high
            )
        case sections.StepsShape():
            steps = sorted(section.rates.items())
            return Steps(from_s=tuple(at for at, _ in steps), to_rates=tuple(r for _, r in steps))
        case sections.SurgeShape():
            return Surge(
                at_s=section.at,
                factor=section.factor,
                rise_s=section.rise,
                hold_s=section.hold,
                fade_s=section.fade,
            )
        case _:
            assert_never(section)


def fault_of(section: sections.FaultSection) -> Fault:
    """The fault that a section tells."""
    at_s = round(section.at)
    match section:
        case sections.PodsKilledFault():
            return PodsKilled(at_s=at_s, count=section.count)
        case sections.SlowStartsFault():
            return SlowStarts(
                at_s=at_s, for_s=round(section.length), startup_s=round(section.startup)
            )
        case sections.SlowWorkFault():
            return SlowWork(at_s=at_s, for_s=round(section.length), factor=section.factor)
        case sections.NoTelemetryFault():
            return NoTelemetry(at_s=at_s, for_s=round(section.length))
        case _:
            assert_never(section)


def policy_of(section: sections.PolicySection) -> Callable[[PodModel], Policy]:
    """What makes the policy that a section tells."""
    match section:
        case sections.FixedPolicy():
            return lambda _: Fixed(section.replicas)
        case sections.HpaCpuPolicy():
            return lambda model: HpaCpu(model, section.percent)
        case sections.HpaRpsPolicy():
            return lambda model: HpaRps(model, section.percent)
        case sections.KedaPolicy():
            return lambda model: KedaRps(
                KedaSettings(
                    threshold=section.threshold,
                    activation=section.activation,
                    replicas_min=model.replicas_min,
                    replicas_max=model.replicas_max,
                    polling_s=section.polling,
                    cooldown_s=section.cooldown,
                )
            )
        case sections.PidPolicy():
            return lambda model: PidCpu(model, section.percent)
        case sections.SloPolicy():
            return lambda model: Slo(model, margin=section.margin)
        case _:
            assert_never(section)
