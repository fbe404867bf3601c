"""Our autoscalers in closed loop, judged request by request: a step, an outage, a hole."""

from collections.abc import Callable

import pytest

from homeostat.simulate.policies import HpaCpu, PidCpu, Slo
from twin.scaling.judge import violations
from twin.scaling.pod_models import DEFAULT_MODEL, PodModel
from twin.scaling.run import Policy, simulate
from twin.scaling.workload import Workload, step

BEFORE_S = 1190


def violation_s(policy: Policy, workload: Workload) -> int:
    record = simulate(workload, DEFAULT_MODEL, policy, seed=3, replicas=8).record
    late = violations(record.arrived, record.slow, DEFAULT_MODEL)
    return int(late[BEFORE_S:].sum())


@pytest.mark.parametrize(("factor", "most_s"), [(2.0, 60), (5.0, 65)])
def test_a_step_of_the_load_is_served_in_time_again_soon(factor: float, most_s: int) -> None:
    ours = violation_s(Slo(DEFAULT_MODEL), step(factor))
    assert ours <= most_s
    assert ours < violation_s(HpaCpu(DEFAULT_MODEL), step(factor))


@pytest.mark.parametrize("ours", [Slo, PidCpu])
def test_a_hole_in_a_recording_takes_no_pod_away(ours: Callable[[PodModel], Policy]) -> None:
    """No requests for two minutes: it looks like nothing to do, by CPU as well."""
    counts = step(1.0, before_s=1200, after_s=1200).counts.copy()
    counts[1200:1320] = 0
    workload = Workload(name="hole", counts=counts)
    run = simulate(workload, DEFAULT_MODEL, ours(DEFAULT_MODEL), seed=3, replicas=8)
    during = run.replicas[1210 // 5 : 1370 // 5]
    assert run.scale_downs_in_gaps == 0
    assert during == sorted(during)


@pytest.mark.parametrize("ours", [Slo, PidCpu])
def test_an_outage_of_telemetry_takes_no_pod_away(ours: Callable[[PodModel], Policy]) -> None:
    workload = step(1.0, before_s=1200, after_s=1200)
    run = simulate(workload, DEFAULT_MODEL, ours(DEFAULT_MODEL), seed=3, gaps=((600, 1200),))
    during = run.replicas[610 // 5 : 1205 // 5]
    assert run.scale_downs_in_gaps == 0
    assert during == sorted(during)
