"""The SLO autoscaler in closed loop, judged request by request: a step, and an outage."""

import pytest

from homeostat.simulate.policies import HpaCpu, Slo
from twin.scaling.judge import violations
from twin.scaling.pod_models import DEFAULT_MODEL
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


def test_an_outage_of_telemetry_takes_no_pod_away() -> None:
    workload = step(1.0, before_s=1200, after_s=1200)
    run = simulate(workload, DEFAULT_MODEL, Slo(DEFAULT_MODEL), seed=3, gaps=((600, 1200),))
    during = run.replicas[610 // 5 : 1205 // 5]
    assert run.scale_downs_in_gaps == 0
    assert during == sorted(during)
