"""What one metric asks for, against vectors worked out by hand from the source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.control.hpa_metrics import (
    OutsideAverage,
    OutsideValue,
    PodsAverage,
    Reading,
    Sample,
    Target,
    Timing,
    Tolerance,
    Utilization,
    wanted_replicas,
)
from healing.control.hpa_pods import PodFacts

S = 1_000_000_000
NOW = 10_000 * S
CPU70 = Utilization(resource="cpu", percent=70)
MEM70 = Utilization(resource="memory", percent=70)
CPU130 = Utilization(resource="cpu", percent=130)
AVG500 = PodsAverage(resource="cpu", value_milli=500)
QPS = PodsAverage(resource="", value_milli=10_000)


def pod(name: str, **changed: object) -> PodFacts:
    facts: dict[str, object] = {"requests_milli": {"cpu": 1000, "memory": 1000}, **changed}
    return PodFacts(name=name, **facts)  # type: ignore[arg-type]


OLD = {"started_unix_ns": NOW - 3600 * S, "ready_changed_unix_ns": NOW - 3500 * S}
YOUNG = {"started_unix_ns": NOW - 100 * S, "ready_changed_unix_ns": NOW - 20 * S}
SETTLED = {"started_unix_ns": NOW - 100 * S, "ready_changed_unix_ns": NOW - 60 * S}
NEVER = {
    "is_ready": False,
    "started_unix_ns": NOW - 900 * S,
    "ready_changed_unix_ns": NOW - 899 * S,
}
ONCE = {"is_ready": False, "started_unix_ns": NOW - 900 * S, "ready_changed_unix_ns": NOW - 500 * S}
PENDING = {"phase": "Pending", "is_ready": False, "started_unix_ns": None}


def count(
    target: Target, pods: list[tuple[dict[str, object], int | None]], replicas: int
) -> int | str:
    """Replicas wanted, or the error; each pod is its facts and its use (None: no metric)."""
    samples = {
        str(i): Sample(value_milli=used, at_unix_ns=NOW - 5 * S)
        for i, (_, used) in enumerate(pods)
        if used is not None
    }
    try:
        return wanted_replicas(
            Reading(target=target, samples=samples),
            [pod(str(i), **facts) for i, (facts, _) in enumerate(pods)],
            replicas=replicas,
            status_replicas=len(pods),
            tolerance=Tolerance(),
            timing=Timing(),
            now_unix_ns=NOW,
        )
    except Exception as error:  # noqa: BLE001 - the vectors name the text
        return str(error)


def same(*used: int | None) -> list[tuple[dict[str, object], int | None]]:
    return [(dict(OLD), u) for u in used]


@pytest.mark.parametrize(
    ("target", "pods", "replicas", "expected"),
    [
        # no unready, no missing: tolerance, then ceil(ratio * ready)
        (CPU70, same(700, 700), 2, 2),
        (CPU70, same(770, 770), 2, 2),  # 77/70 = 1.1 is within
        (CPU70, same(779, 779), 2, 2),  # 77.9 is cut to 77
        (CPU70, same(780, 780), 2, 3),  # 78/70 = 1.114
        (CPU70, same(630, 630), 2, 2),  # 63/70 = 0.9 is within
        (CPU70, same(629, 629), 2, 2),  # 62/70 * 2 = 1.77
        (CPU70, same(300, 300, 300), 3, 2),  # 30/70 * 3 = 1.29
        (CPU70, same(1000, 1000, 1000), 3, 5),
        (CPU70, same(2100, 2100), 2, 6),
        (CPU70, same(0, 0), 2, 0),
        (CPU70, same(1400), 5, 2),  # ready pods count, not spec.replicas
        (CPU70, same(100, 1300), 2, 2),
        (MEM70, same(1000, 1000), 2, 3),
        (MEM70, same(350, 350), 2, 1),
        # missing pods: 100 % when falling, 0 when rising
        (CPU70, same(1000, None), 2, 2),  # 100 > 70, with 0: 50 < 70: the direction flips
        (CPU70, same(2100, None), 2, 3),  # (2100 + 0) / 2000 = 105 / 70 * 2
        (CPU70, same(100, None), 2, 2),  # (100 + 1000) / 2000 = 55 / 70 * 2 = 1.57
        (CPU70, same(100, 100, 100, None), 4, 2),  # 1300/4000 = 32/70*4 = 1.83
        (CPU70, same(10, None, None, None), 4, 4),  # 75/70 flips
        (CPU70, same(700, None), 2, 2),
        (CPU130, same(100, None), 2, 2),  # a missing one counts 130: 70/130*2 = 1.08
        (CPU130, same(0, 0, None, None), 4, 2),  # 65/130*4
        (CPU130, same(0, 0, 0, None), 4, 1),  # 32/130*4 = 0.98
        # unready pods: 0 when rising, left out when falling
        (CPU70, [(OLD, 1400), (PENDING, None)], 2, 2),  # 70/70 is within
        (CPU70, [(OLD, 2100), (PENDING, None)], 2, 3),
        (CPU70, [(OLD, 100), (PENDING, None)], 2, 1),
        (CPU70, [(OLD, 100), (OLD, 100), (PENDING, None)], 3, 1),
        (CPU70, [(OLD, 1000), (PENDING, None)], 2, 2),  # flips: 50 < 70
        (CPU70, [(OLD, 2100), (YOUNG, 1000)], 2, 3),  # no whole window since it got ready
        (CPU70, [(OLD, 1000), (SETTLED, 1000)], 2, 3),
        (CPU70, [(OLD, 1000), ({**SETTLED, "is_ready": False}, 1000)], 2, 2),
        (CPU70, [(OLD, 1400), (NEVER, 1000)], 2, 2),
        (CPU70, [(OLD, 1000), (ONCE, 1000)], 2, 3),  # it was ready once: believed
        (MEM70, [(OLD, 1000), (NEVER, 1000)], 2, 3),  # readiness is asked for CPU only
        (CPU70, [(OLD, 1400), ({**OLD, "is_ready": None}, 1000)], 2, 2),
        (CPU70, [(OLD, 1400), ({**OLD, "started_unix_ns": None}, 1000)], 2, 2),
        (CPU70, [(OLD, 3000), (PENDING, None), (OLD, None)], 3, 5),  # 100/70*3
        # ignored: deleted and failed
        (CPU70, [(OLD, 1000), ({**OLD, "is_deleted": True}, 0)], 2, 2),
        (CPU70, [(OLD, 1000), (OLD, 1000), ({**OLD, "phase": "Failed"}, 0)], 3, 3),
        # contradiction of direction and count
        (CPU70, [(OLD, 2100), (PENDING, None)], 9, 9),
        (CPU70, same(100, None, None), 1, 1),
        # nothing to go by
        (CPU70, [], 2, "no pods returned by selector while calculating replica count"),
        (
            CPU70,
            [(PENDING, None)],
            1,
            "did not receive metrics for targeted pods (pods might be unready)",
        ),
        (CPU70, [({**OLD, "requests_milli": {}}, 10)], 1, "missing request for cpu in pod 0"),
        (
            CPU70,
            [({**OLD, "requests_milli": {"cpu": 0}}, 10)],
            1,
            "no metrics returned matched known pods",
        ),
        # averages per pod: the mean is cut to a whole number
        (AVG500, same(500, 500), 2, 2),
        (AVG500, same(550, 550), 2, 2),
        (AVG500, same(551, 551), 2, 3),
        (AVG500, same(550, 551), 2, 2),  # 550.5 is cut to 550
        (AVG500, same(200, 200), 2, 1),
        (AVG500, same(1500, None), 2, 3),
        (AVG500, same(100, None), 2, 2),  # the missing one at target: 300/500*2 = 1.2
        (AVG500, same(500, None), 2, 2),
        (AVG500, same(500, 500, None), 3, 3),
        (QPS, same(20_000, 20_000), 2, 4),
        (QPS, [(NEVER, 20_000)], 1, 2),
        (QPS, [(OLD, 20_000), (PENDING, None)], 2, 2),
    ],
)
def test_a_metric_of_pods_asks_for(
    target: Target,
    pods: list[tuple[dict[str, object], int | None]],
    replicas: int,
    expected: int | str,
) -> None:
    assert count(target, pods, replicas) == expected


@pytest.mark.parametrize(
    ("target", "value", "replicas", "status", "expected"),
    [
        (OutsideValue(value_milli=100), 100, 3, 3, 3),
        (OutsideValue(value_milli=100), 110, 3, 3, 3),
        (OutsideValue(value_milli=100), 150, 3, 3, 5),
        (OutsideValue(value_milli=100), 50, 4, 4, 2),
        (OutsideValue(value_milli=100), 250, 0, 0, 3),
        (OutsideValue(value_milli=100), 0, 0, 0, 0),
        (OutsideAverage(value_milli=100), 300, 3, 3, 3),
        (OutsideAverage(value_milli=100), 329, 3, 3, 3),
        (OutsideAverage(value_milli=100), 331, 3, 3, 4),
        (OutsideAverage(value_milli=100), 90, 3, 3, 1),
        (OutsideAverage(value_milli=100), 250, 0, 0, 3),
    ],
)
def test_a_metric_of_outside_asks_for(
    target: Target, value: int, replicas: int, status: int, expected: int
) -> None:
    pods = [pod(str(i)) for i in range(status)]
    wanted = wanted_replicas(
        Reading(target=target, outside_milli=value),
        pods,
        replicas=replicas,
        status_replicas=status,
        tolerance=Tolerance(),
        timing=Timing(),
        now_unix_ns=NOW,
    )
    assert wanted == expected


@given(used=st.lists(st.one_of(st.none(), st.integers(0, 2000)), min_size=1, max_size=12))
def test_missing_pods_never_turn_the_direction(used: list[int | None]) -> None:
    known = [value for value in used if value is not None]
    answer = count(CPU70, same(*used), len(used))
    if not known:
        assert isinstance(answer, str)
        return
    assert isinstance(answer, int)
    ratio = sum(known) * 100 // (1000 * len(known)) / 70
    if ratio > 1.0:
        assert answer >= len(used)
    if ratio < 1.0:
        assert answer <= len(used)
