"""What the real HorizontalPodAutoscaler is shown: one sequence a line of its algorithm.

A sequence is an autoscaler, and phases that each hold for some of its syncs. Ages are in seconds
before the phase begins; a pod's `cpu` None has no metric.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

OLD_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodIn:
    """A pod as its owner and the metrics API show it."""

    cpu: int | None = 500  # milli-cores; requested are 1000
    memory: int = 500  # MiB; requested are 1000
    phase: Literal["Running", "Pending", "Failed"] = "Running"
    is_ready: bool = True
    started_s: float = OLD_S
    ready_changed_s: float = OLD_S
    sample_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The world for some syncs."""

    pods: tuple[PodIn, ...] = ()
    outside: int | None = None  # the external metric
    syncs: int = 2
    replicas: int | None = None  # somebody sets them when the phase begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """One autoscaler and its story. `metrics`: kind to target."""

    name: str
    phases: tuple[Phase, ...]
    replicas: int = 4
    least: int = 1
    most: int = 20
    metrics: dict[str, int] = field(default_factory=lambda: {"cpu": 50})
    behavior: dict[str, Any] | None = None


def pods(count: int, cpu: int | None = 500, **changes: Any) -> tuple[PodIn, ...]:
    """So many like pods."""
    return tuple(PodIn(cpu=cpu, **changes) for _ in range(count))


YOUNG: Final[dict[str, Any]] = {"started_s": 100.0, "ready_changed_s": 90.0}
NEVER_READY: Final[dict[str, Any]] = {"is_ready": False, "ready_changed_s": OLD_S}


def _policy(kind: str, value: int, period_s: int) -> dict[str, Any]:
    return {"type": kind, "value": value, "periodSeconds": period_s}


def _rules(window_s: int, *policies: dict[str, Any], select: str = "Max") -> dict[str, Any]:
    found = list(policies) or [_policy("Pods", 100, 8)]
    return {
        "stabilizationWindowSeconds": window_s,
        "policies": found,
        "selectPolicy": select,
    }


FREE: Final = {"scaleUp": _rules(0), "scaleDown": _rules(0)}

SEQUENCES: Final = (
    Sequence(name="up", phases=(Phase(pods=pods(4, 900)), Phase(pods=pods(8, 700)))),
    Sequence(name="up-at-most-twice", replicas=5, phases=(Phase(pods=pods(5, 5000), syncs=3),)),
    Sequence(name="one-to-four", replicas=1, phases=(Phase(pods=pods(1, 9000)),)),
    Sequence(name="tolerance-above", phases=(Phase(pods=pods(4, 549)), Phase(pods=pods(4, 560)))),
    Sequence(
        name="tolerance-below",
        behavior=FREE,
        phases=(Phase(pods=pods(4, 451)), Phase(pods=pods(4, 440)), Phase(pods=pods(4, 300))),
    ),
    Sequence(name="truncated", phases=(Phase(pods=pods(3, 555) + pods(1, 554)),)),
    Sequence(name="down", behavior=FREE, phases=(Phase(pods=pods(4, 100)),)),
    Sequence(name="down-waits", phases=(Phase(pods=pods(4, 100), syncs=6),)),
    Sequence(
        name="down-waits-for-the-largest",
        phases=(Phase(pods=pods(4, 300)), Phase(pods=pods(4, 100), syncs=6)),
    ),
    Sequence(name="to-the-least", least=3, behavior=FREE, phases=(Phase(pods=pods(4, 1)),)),
    Sequence(name="to-the-most", most=6, phases=(Phase(pods=pods(4, 5000), syncs=3),)),
    Sequence(name="below-the-least", replicas=1, least=3, phases=(Phase(pods=pods(1, 500)),)),
    Sequence(name="above-the-most", replicas=9, most=6, phases=(Phase(pods=pods(9, 500)),)),
    Sequence(name="off", replicas=4, phases=(Phase(pods=pods(4, 900), replicas=0),)),
    Sequence(
        name="missing-damps-down", behavior=FREE, phases=(Phase(pods=pods(3, 100) + pods(1, None)),)
    ),
    Sequence(name="missing-damps-up", phases=(Phase(pods=pods(3, 900) + pods(1, None)),)),
    Sequence(
        name="missing-turns-nothing-round",
        phases=(Phase(pods=pods(2, 600) + pods(2, None)),),
    ),
    Sequence(
        name="missing-beyond-the-target",
        metrics={"cpu": 150},
        behavior=FREE,
        phases=(Phase(pods=pods(3, 300) + pods(1, None)),),
    ),
    Sequence(name="no-metrics", phases=(Phase(pods=pods(4, None)), Phase(pods=pods(4, 900)))),
    Sequence(name="pending", phases=(Phase(pods=pods(4, 900) + pods(2, None, phase="Pending")),)),
    Sequence(name="failed", phases=(Phase(pods=pods(3, 900) + pods(3, None, phase="Failed")),)),
    Sequence(
        name="unready-never", phases=(Phase(pods=pods(3, 900) + pods(2, 5000, **NEVER_READY)),)
    ),
    Sequence(
        name="unready-after-having-been-ready",
        phases=(Phase(pods=pods(3, 900) + pods(2, 900, is_ready=False, ready_changed_s=60.0)),),
    ),
    Sequence(
        name="young-unready",
        phases=(Phase(pods=pods(4, 800) + pods(2, 5000, is_ready=False, **YOUNG)),),
    ),
    Sequence(
        name="young-with-a-whole-window", phases=(Phase(pods=pods(4, 800) + pods(2, 800, **YOUNG)),)
    ),
    Sequence(
        name="young-within-its-first-window",
        phases=(Phase(pods=pods(4, 800) + pods(2, 5000, started_s=100.0, ready_changed_s=10.0)),),
    ),
    Sequence(
        name="young-that-turn-it-round",
        phases=(Phase(pods=pods(3, 560) + pods(3, 5000, is_ready=False, **YOUNG)),),
    ),
    Sequence(name="memory", metrics={"memory": 50}, phases=(Phase(pods=pods(4, memory=800)),)),
    Sequence(
        name="two-metrics",
        metrics={"cpu": 50, "memory": 50},
        phases=(Phase(pods=pods(4, 600, memory=900)), Phase(pods=pods(4, 900, memory=100))),
    ),
    Sequence(
        name="one-of-two-fails-no-step-down",
        metrics={"memory": 50, "outside": 100},
        behavior=FREE,
        phases=(Phase(pods=pods(4, memory=100)), Phase(pods=pods(4, memory=900))),
    ),
    Sequence(
        name="outside",
        metrics={"outside": 100},
        behavior=FREE,
        phases=(
            Phase(pods=pods(4), outside=950),
            Phase(pods=pods(4), outside=415),
            Phase(pods=pods(4), outside=120),
        ),
    ),
    Sequence(
        name="up-by-pods",
        behavior={**FREE, "scaleUp": _rules(0, _policy("Pods", 2, 8))},
        phases=(Phase(pods=pods(4, 5000), syncs=6),),
    ),
    Sequence(
        name="up-by-the-least-policy",
        behavior={
            **FREE,
            "scaleUp": _rules(0, _policy("Pods", 2, 8), _policy("Percent", 30, 8), select="Min"),
        },
        phases=(Phase(pods=pods(4, 5000), syncs=6),),
    ),
    Sequence(
        name="down-by-percent",
        replicas=10,
        behavior={**FREE, "scaleDown": _rules(0, _policy("Percent", 25, 8))},
        phases=(Phase(pods=pods(10, 1), syncs=6),),
    ),
    Sequence(
        name="down-disabled",
        behavior={**FREE, "scaleDown": _rules(0, select="Disabled")},
        phases=(Phase(pods=pods(4, 1)),),
    ),
    Sequence(
        name="up-after-a-window",
        behavior={**FREE, "scaleUp": _rules(8)},
        phases=(
            Phase(pods=pods(4, 500)),
            Phase(pods=pods(4, 900), syncs=4),
            Phase(pods=pods(4, 500)),
        ),
    ),
    Sequence(
        name="down-after-a-window",
        behavior={**FREE, "scaleDown": _rules(8)},
        phases=(Phase(pods=pods(4, 500)), Phase(pods=pods(4, 200), syncs=5)),
    ),
    Sequence(
        name="a-tolerance-of-its-own",
        behavior={
            "scaleUp": {**_rules(0), "tolerance": "300m"},
            "scaleDown": {**_rules(0), "tolerance": "0"},
        },
        phases=(Phase(pods=pods(4, 640)), Phase(pods=pods(4, 660)), Phase(pods=pods(4, 470))),
    ),
    Sequence(
        name="somebody-sets-the-replicas",
        behavior=FREE,
        phases=(Phase(pods=pods(4, 500)), Phase(pods=pods(8, 500), replicas=8)),
    ),
)
