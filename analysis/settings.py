"""What the analysis can be told; each value with its unit and the reason for its default."""

from dataclasses import dataclass, field
from typing import Literal

from analysis.rules import Rule
from knowledge.bounds import require_positive

Criticality = Literal["critical", "high", "medium", "low"]
"""As `service.criticality` has it (OpenTelemetry semantic conventions 1.42)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisSettings:
    """Windows, limits and hold times of the analysis."""

    window_s: float = 60.0
    """Length of a window. Long enough for a p99 of a service with a few requests a second."""

    pane_s: float = 5.0
    """Step of the window, and period of detection; a window is made of whole panes."""

    lateness_s: float = 10.0
    """How long a pane waits for its rows: SDKs hold spans up to 5 s, Collectors batch on top."""

    lookback_s: float = 10.0
    """How far before a pane the calls of its requests are looked for."""

    linked_span_count_max: int = 50_000
    """Spans of a pane that are linked to traces; of more, a sample of whole traces is."""

    service_count_max: int = 10_000
    """Services that are told apart; of more, the rarest are one row, `(other)`."""

    operation_count_max: int = 200
    """Operations, and kinds of request, of a service that are told apart; likewise."""

    series_count_max: int = 500_000
    """Series of which it is known what is normal, 4 kB each when full; the stalest are let go."""

    buffer_bytes_max: int = 1024 * 2**20
    """Rows held at most; beyond it senders must wait."""

    memory_bytes_max: int = 0
    """Memory of the brain that it stays below: rows have half of it at most, and half of that
    under pressure; 0: what its container's own limit says, if there is one."""

    retention_s: float = 30.0
    """Rows younger than this (by event time) are never dropped; must cover a window's needs."""

    latency_ms_max: float = 1000.0
    """A p99 above this is a symptom, whatever was normal."""

    error_ratio_max: float = 0.05
    """An error ratio that is surely (Wilson, 95 %) above this is a symptom."""

    sample_count_min: int = 10
    """Below this many requests an error ratio says nothing."""

    quantile_count_min: int = 50
    """Below this many requests a p99 is the worst request, not a property of the service."""

    baseline_ratio_max: float = 3.0
    """A p99 beyond this multiple of its baseline is out of it ..."""

    baseline_excess_ms_min: float = 100.0
    """... if it is also this much slower: nobody feels 3 ms instead of 1 ms."""

    baseline_count_min: int = 6
    """Healthy panes before a baseline counts (30 s by default); until then nothing is acted on."""

    baseline_count_max: int = 120
    """Healthy panes that a baseline remembers (10 min by default)."""

    silent_s_min: float = 15.0
    """A service that was not heard of for so long is asked about: three exports of an SDK."""

    usage_ratio_max: float = 0.9
    """Share of a CPU or memory limit above which a workload is short of it ..."""

    usage_ratio_off: float = 0.8
    """... and below which it no longer is."""

    usage_hold_s: float = 60.0
    """How long usage stays above: two scrapes of a minute apart, or many of ten seconds."""

    leak_per_h_min: float = 0.08
    """Share of its level that a pod's memory surely gains in an hour to be called leaking: slower
    growth has a working day to be found in."""

    hold_s: float = 5.0
    """How long a symptom lasts before its issue fires."""

    resolve_hold_s: float = 10.0
    """How long all is well before an issue is resolved."""

    lost_sight_s: float = 600.0
    """An issue of a service that nothing is heard of for so long is closed: nobody feels it."""

    resolved_retention_s: float = 900.0
    """How long a resolved issue is still shown."""

    history_s: float = 1800.0
    """How far back a diagnosis looks: of longer ago, other loads and releases are told."""

    history_rows_max: int = 1_000_000
    """Rows of each signal held for it, some 60 bytes each; of more, every other trace is let go."""

    change_retention_s: float = 900.0
    """A release younger than this is worth naming as the background of an issue."""

    criticality: dict[str, Criticality] = field(default_factory=dict)
    """How grave it is when a service (namespace/name) is sick; one that is not named is medium."""

    rules: tuple[Rule, ...] = ()
    """Rules of your own, in SQL over the window tables."""

    def __post_init__(self) -> None:
        may_be_zero = {"lateness_s", "hold_s", "resolve_hold_s", "memory_bytes_max"}
        require_positive(self, zero_is_fine=frozenset(may_be_zero))
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("rules must have different names")
        if self.usage_ratio_off > self.usage_ratio_max:
            raise ValueError(
                f"usage_ratio_off must be at most usage_ratio_max ({self.usage_ratio_max}), "
                f"got {self.usage_ratio_off}"
            )
        if self.window_s < self.pane_s or self.window_s % self.pane_s:
            raise ValueError(
                f"window_s must be a whole multiple of pane_s ({self.pane_s}), got {self.window_s}"
            )
        floor_s = self.lateness_s + self.pane_s + self.lookback_s
        if self.retention_s < floor_s:
            raise ValueError(
                f"retention_s must be at least lateness_s + pane_s + lookback_s ({floor_s}), "
                f"got {self.retention_s}"
            )
