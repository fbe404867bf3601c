"""Which workloads are kept in balance, how, and within which envelope: a person's decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from healing.control.arbiter import Envelope
from knowledge.bounds import require_positive

Policy = Literal["slo", "pid", "hpa-form"]
POLICIES: Final[tuple[Policy, ...]] = get_args(Policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoscalerSettings:
    """One workload's autoscaler; naming the workload is what turns it on."""

    policy: Policy = "slo"
    """slo: pods for the latency promised, by arrivals. pid, hpa-form: by the CPU of the pods."""

    max: int
    """Never more replicas than this."""

    min: int = 2
    """Never fewer."""

    latency_ms_max: float = 1000.0
    """slo: what was promised of a request's own time in the service, waiting included ..."""

    late_ratio_max: float = 0.01
    """... and the share of requests that may take longer."""

    concurrency: int = 1
    """slo: requests that a pod works on at a time; too low a figure only costs pods."""

    startup_s: float = 30.0
    """slo: from the order of a pod until it serves; so far ahead arrivals are foreseen."""

    cpu_target: float = 0.7
    """pid, hpa-form: the share of its CPU limit that a pod should use."""

    def __post_init__(self) -> None:
        require_positive(self)
        if self.min > self.max:
            raise ValueError(f"min must be at most max ({self.max}), got {self.min}")
        for name in ("late_ratio_max", "cpu_target"):
            if getattr(self, name) >= 1.0:
                raise ValueError(f"{name} must be below 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegulationSettings:
    """The envelope of all autoscalers: steps, rates, and when they keep still."""

    step_up_factor_max: float = 2.0
    """The largest step up, as a multiple of the present replicas."""

    step_down_ratio_max: float = 0.25
    """The largest step down, as a share of the present replicas."""

    step_up_s: float = 10.0
    """From one step up to the next: what was ordered must be in the figures first ..."""

    step_down_s: float = 60.0
    """... and to a step down, for which there is no hurry."""

    usage_max: float = 0.8
    """A step down must leave the pods below this share of their CPU limit, by the cluster's word"""

    telemetry_age_s_max: float = 15.0
    """Arrivals older than this are not the present ones: hold."""

    foreign_hold_s: float = 300.0
    """Replicas that somebody else set are left alone for this long: never fight."""

    floor_s: float = 900.0
    """How long the replicas that a recovery added are a floor, if it is not taken back before."""

    write_count_max: int = 60
    """Writes to a workload in an hour ..."""

    cluster_write_count_max: int = 600
    """... and to all of them; a budget of its own, apart from that of recoveries."""

    failed_tries_max: int = 3
    """Writes to a workload that came to nothing within ten minutes, before no more are tried."""

    def __post_init__(self) -> None:
        require_positive(self)
        if self.step_up_factor_max < 1.0:
            raise ValueError(f"step_up_factor_max must be 1 or more, got {self.step_up_factor_max}")
        for name in ("step_down_ratio_max", "usage_max"):
            if getattr(self, name) > 1.0:
                raise ValueError(f"{name} must be at most 1, got {getattr(self, name)}")


def require_names(autoscalers: Mapping[str, AutoscalerSettings]) -> None:
    """Check that each key names a workload.

    Raises:
        ValueError: naming the key and what is expected.
    """
    for name in autoscalers:
        namespace, slash, workload = name.partition("/")
        if not (namespace and slash and workload) or "/" in workload:
            raise ValueError(f"autoscalers: expected namespace/deployment as key, got {name!r}")


def envelope_of(
    autoscaler: AutoscalerSettings, regulation: RegulationSettings, *, replicas_max: int
) -> Envelope:
    """Return the envelope of one workload; `replicas_max` is what its owner or cluster allows."""
    most = min(autoscaler.max, replicas_max)
    return Envelope(
        replicas_min=min(autoscaler.min, most),
        replicas_max=most,
        step_up_factor=regulation.step_up_factor_max,
        step_down_ratio=regulation.step_down_ratio_max,
    )
