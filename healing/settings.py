"""What healing may do; each value with its unit and the reason for its default."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from healing.autoscalers import AutoscalerSettings, RegulationSettings, require_names
from healing.maintenance import MaintenanceWindow
from healing.traffic.settings import TrafficSettings
from knowledge.bounds import require_positive, require_share
from knowledge.plans import Mode
from knowledge.remedies import RemedyMode

ActionKind = Literal["scale", "set_floor", "restart", "roll_back_release"]
ACTION_KINDS: Final[tuple[ActionKind, ...]] = get_args(ActionKind)
SHARES: Final = frozenset(
    {
        "better_ratio",
        "blast_ratio_max",
        "ill_ratio_min",
        "storm_ratio",
        "unavailable_ratio_max",
        "volume_drop_ratio",
    }
)
"""Settings of which more than all would be nonsense."""
_RANK: Final[dict[Mode, int]] = {"observe": 0, "suggest": 1, "approve": 2, "auto": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedySettings:
    """Who chooses among several remedies that all guards let pass."""

    mode: RemedyMode = "shadow"
    """rules, shadow (they choose, a bandit says what it would), bandit (it chooses once proven)."""

    trial_ratio: float = 0.0
    """bandit: the share of choices that are its own before it is proven; none: it never will be."""

    def __post_init__(self) -> None:
        require_positive(self, zero_is_fine=frozenset({"trial_ratio"}))
        require_share(self, frozenset({"trial_ratio"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingSettings:
    """Modes, stop figures and times of healing."""

    mode: Mode = "observe"
    """What is done in a namespace that `namespaces` does not name: nobody turned anything on."""

    namespaces: Mapping[str, Mode] = field(default_factory=dict)
    """The mode of single namespaces."""

    actions: Mapping[ActionKind, Mode] = field(default_factory=dict)
    """The most that a kind of action may do, wherever; the lower of the two modes counts."""

    stop_file: str | None = None
    """While this file is there nothing is written at all; none named: `stop` in the state_dir."""

    maintenance: tuple[MaintenanceWindow, ...] = ()
    """Times of the week in which people are at work and nothing is written."""

    approval_expiry_s: float = 600.0
    """How long an approval waits for its plan; nothing that was approved is done much later."""

    quarantine_s: float = 60.0
    """No action this soon after our own start: what was true before it may not be any more."""

    planning_s: float = 30.0
    """Period of planning. Slower than detection: a plan is made on figures that have settled."""

    cluster_age_s_max: float = 30.0
    """A cluster report older than this is no ground to act on."""

    telemetry_age_s_max: float = 60.0
    """Spans older than this are no ground to act on."""

    plan_expiry_s: float = 60.0
    """A plan that could not be written by then is void: the situation has moved on."""

    verify_timeout_s: float = 180.0
    """When a plan that has not helped yet counts as not having helped."""

    verify_hold_s: float = 5.0
    """How long the entry service must be well for a plan to have helped."""

    target_cooldown_s: float = 600.0
    """One action on a workload in this time: its effect must be seen before the next."""

    target_disruptive_max: int = 3
    """Disruptive actions (restart, roll back) on a workload ..."""

    target_disruptive_window_s: float = 1800.0
    """... in this time; beyond it a person must look."""

    failed_tries_max: int = 3
    """Writes to a workload that did not happen within its cool-down, before no more are tried."""

    breaker_count: int = 2
    """This many actions in a row without effect on a workload open its breaker ..."""

    breaker_s: float = 3600.0
    """... for this long."""

    namespace_count_max: int = 3
    """Actions in a namespace ..."""

    namespace_window_s: float = 600.0
    """... in this time."""

    cluster_count_max: int = 10
    """Actions in the cluster in an hour."""

    unavailable_ratio_max: float = 0.1
    """Share of the opted-in pods that may be unavailable together, ours included ..."""

    unavailable_count_min: int = 3
    """... but never fewer than this many, or small clusters could not be healed at all."""

    oscillation_count: int = 2
    """Reversals of what was done to a workload (an undo, up after down, back to a release) ..."""

    oscillation_s: float = 1800.0
    """... in this time, after which it is left alone for as long: we may be the illness."""

    issue_count_max: int = 3
    """Actions on one issue that did not end it, before a person must look."""

    undo_tries_max: int = 3
    """Tries of an undo that failed, before a person must look; a minute apart and more."""

    escalate_s: float = 300.0
    """An issue that nothing could be done about for so long is shown to a person."""

    storm_s: float = 600.0
    """In a storm one cause is treated, once in this time."""

    in_flight_max: int = 1
    """Actions whose verdict is still out: two at a time could not be told apart."""

    blast_ratio_max: float = 0.1
    """Share of opted-in workloads touched in an hour ..."""

    blast_count_min: int = 2
    """... but never fewer than this many, or small clusters could not be healed at all."""

    storm_ratio: float = 0.4
    """More services sick than this, without one cause that explains them: observe only ..."""

    storm_count_min: int = 5
    """... where there are at least this many services."""

    volume_drop_ratio: float = 0.5
    """Telemetry down to this share within a minute: the eyes fail, not the cluster."""

    scale_factor_max: float = 2.0
    """The largest step up, as a multiple of the present replicas."""

    scale_usage_min: float = 0.8
    """Pods below this share of their CPU limit are not overloaded."""

    scale_usage_target: float = 0.6
    """The CPU share that a scaled-up workload should come to."""

    boost_s: float = 1800.0
    """How long replicas that were added stay before they are taken back, need or no need ..."""

    boost_hold_s: float = 300.0
    """... and how soon at the earliest, and after `target_cooldown_s`, where the cause is gone."""

    boost_missed_s: float = 86_400.0
    """A boost whose end brought the trouble back stays for so long, and a person is told."""

    arrival_ratio_min: float = 1.2
    """Requests a second over the usual ones that count as grown."""

    release_count_min: int = 20
    """Requests of new and of old pods below which they are not compared."""

    ill_ratio_min: float = 0.5
    """Share of a workload's pods that must be ill before all of them are replaced."""

    starting_s: float = 60.0
    """A pod that is younger may still be starting: not ready is no illness yet."""

    better_ratio: float = 0.8
    """A figure down to this share of what it was is better: the change stays, well or not."""

    release_age_s_max: float = 900.0
    """A release older than this is not suspected."""

    remedies: RemedySettings = field(default_factory=RemedySettings)
    """Who chooses where several remedies are allowed."""

    traffic: TrafficSettings = field(default_factory=TrafficSettings)
    """Pools of backends whose weights are kept in balance."""

    autoscalers: Mapping[str, AutoscalerSettings] = field(default_factory=dict)
    """The workloads that are kept in balance, by namespace/deployment; none unless named."""

    regulation: RegulationSettings = field(default_factory=RegulationSettings)
    """The envelope that holds for all of them."""

    def __post_init__(self) -> None:
        require_names(self.autoscalers)
        require_positive(
            self, zero_is_fine=frozenset({"target_cooldown_s", "verify_hold_s", "quarantine_s"})
        )
        require_share(self, SHARES)

    def widest_mode(self) -> Mode:
        """The most that may happen anywhere."""
        return max((self.mode, *self.namespaces.values()), key=_RANK.__getitem__)

    def mode_of_pool(self, namespace: str, mode: Mode) -> Mode:
        """The mode of a pool of backends: its own, at most that of its namespace."""
        return min(self.namespaces.get(namespace, self.mode), mode, key=_RANK.__getitem__)

    def mode_for(self, namespace: str, kind: ActionKind) -> Mode:
        """The mode that holds for one kind of action in one namespace."""
        by_place = self.namespaces.get(namespace, self.mode)
        by_kind = self.actions.get(kind, "auto")
        return min(by_place, by_kind, key=_RANK.__getitem__)

    def may_write(self, namespace: str, kind: ActionKind) -> bool:
        """Whether an action of a kind may be carried out in a namespace, approved or by itself."""
        return self.mode_for(namespace, kind) in {"approve", "auto"}
