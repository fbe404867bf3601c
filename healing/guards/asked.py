"""What a guard is asked about, and the shape of a guard."""

from collections.abc import Callable
from dataclasses import dataclass

from healing.ledger import Ledger
from healing.settings import HealingSettings
from healing.situation import Situation
from knowledge.cluster import Change, Workload
from knowledge.plans import RecoveryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A change that is about to be made, in the situation of this moment.

    `change` is the plan's, or its undo. `intent_id` names the change's own entry in the ledger once
    it has one, so that it does not count against itself. `volumes`: (time, spans a window) of the
    last minute.
    """

    plan: RecoveryPlan
    change: Change
    intent_id: str
    situation: Situation
    ledger: Ledger
    in_flight: int
    volumes: tuple[tuple[int, int], ...]
    settings: HealingSettings

    @property
    def workload(self) -> Workload | None:
        """The target as the cluster reports it now."""
        cluster = self.situation.cluster
        return cluster.workload(self.change.target) if cluster else None


Guard = Callable[[Asked], str | None]
"""Returns why the change must not be made, or None. Its name is the name that people read."""
