"""What a guard is asked about, and the shape of a guard."""

from collections.abc import Callable
from dataclasses import dataclass

from healing.ledger import Ledger
from healing.settings import HealingSettings
from healing.situation import Situation
from knowledge.cluster import Change, Workload
from knowledge.orders import Approval, Pause
from knowledge.plans import Escalation, RecoveryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A change that is about to be made, in the situation of this moment.

    `change` is the plan's, or its undo. `intent_id` names the change's own entry in the ledger once
    it has one, so that it does not count against itself. `volumes`: (time, spans since the start)
    of the last minutes. `resumed_unix_ns`: when a person last let the issue be treated again.
    """

    plan: RecoveryPlan
    change: Change
    intent_id: str
    situation: Situation
    ledger: Ledger
    in_flight: int
    volumes: tuple[tuple[int, int], ...]
    settings: HealingSettings
    started_unix_ns: int = 0
    pauses: tuple[Pause, ...] = ()
    approval: Approval | None = None
    escalation: Escalation | None = None
    resumed_unix_ns: int = 0

    @property
    def is_undo(self) -> bool:
        """Whether it is the way back of the plan that is asked about."""
        return self.change == self.plan.undo

    @property
    def workload(self) -> Workload | None:
        """The target as the cluster reports it now."""
        cluster = self.situation.cluster
        return cluster.workload(self.change.target) if cluster else None

    def since(self, window_s: float) -> int:
        """Return the time that lies `window_s` back."""
        return self.situation.now_unix_ns - int(window_s * 1e9)


Guard = Callable[[Asked], str | None]
"""Returns why the change must not be made, or None. Its name is the name that people read."""
