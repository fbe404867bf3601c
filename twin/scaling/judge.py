"""What a run cost and how well it served: the same three figures for every autoscaler.

A second is in violation if, of the requests that arrived in the `WINDOW_S` seconds up to and with
it, more than the SLO allows were late or given up. One second alone has too few requests to have a
p99; ten of them with a handful each do not differ from chance either, hence the least count.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from twin.scaling.pod_models import PodModel
from twin.scaling.record import Record
from twin.scaling.workload import Floats

WINDOW_S: Final = 10
LATE_COUNT_MIN: Final = 2
"""One late request in ten seconds is no violation, however few requests there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one run. `reversals`: changes of direction of the wanted replicas."""

    slo_violation_s: int
    replica_hours: float
    reversals: int


def judge(record: Record, replicas: "list[int]", decision_s: int, model: PodModel) -> Score:
    """Return the score; `replicas` are the wanted ones, one value each `decision_s`."""
    hours = sum(replicas) * decision_s / 3600.0
    return Score(
        slo_violation_s=int(violations(record.arrived, record.slow, model).sum()),
        replica_hours=hours,
        reversals=reversals(replicas),
    )


def violations(arrived: Floats, slow: Floats, model: PodModel) -> "np.typing.NDArray[np.bool_]":
    """Return, per second, whether the SLO did not hold."""
    late, asked = _trailing(slow), _trailing(arrived)
    return (late > (1.0 - model.slo_ratio) * asked) & (late >= LATE_COUNT_MIN)


def _trailing(values: Floats) -> Floats:
    sums = np.cumsum(np.concatenate([np.zeros(WINDOW_S), values]))
    trailing: Floats = sums[WINDOW_S:] - sums[:-WINDOW_S]
    return trailing


def reversals(replicas: "list[int]") -> int:
    """Count how often a rise is followed by a fall, or a fall by a rise."""
    moves = np.diff(np.array(replicas))
    signs = np.sign(moves[moves != 0])
    return int((signs[1:] != signs[:-1]).sum())
