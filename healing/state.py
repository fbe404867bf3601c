"""What healing remembers from one tick to the next."""

from dataclasses import dataclass, field

from healing.execute import Execution
from healing.guards.asked import Asked
from healing.ledger import Ledger
from healing.settings import HealingSettings
from healing.situation import Situation
from knowledge.cluster import Change
from knowledge.identity import WorkloadKey
from knowledge.plans import RecoveryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingState:
    """What one tick leaves for the next."""

    epoch: int = 0
    intent_count: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    executions: tuple[Execution, ...] = ()
    volumes: tuple[tuple[int, int], ...] = ()

    @property
    def in_flight(self) -> tuple[Execution, ...]:
        """The executions whose end is still out."""
        return tuple(e for e in self.executions if e.phase != "done")

    def changing(self) -> frozenset[WorkloadKey]:
        """The workloads that a change of our own is still settling in."""
        return frozenset(e.approved.plan.change.target for e in self.in_flight)

    def new_intent_id(self, count: int, situation: Situation) -> str:
        """An id that no other intent ever has, not even one of a journal that was since lost."""
        return f"act-{situation.now_unix_ns // 10**6}-{self.epoch}-{count}"

    def asked(
        self,
        plan: RecoveryPlan,
        change: Change,
        situation: Situation,
        settings: HealingSettings,
        *,
        but: str = "",
    ) -> Asked:
        """What the guards are asked about a change; `but`: the id of the intent that asks."""
        others = [e for e in self.in_flight if e.intent_id != but]
        return Asked(
            plan=plan,
            change=change,
            intent_id=but,
            situation=situation,
            ledger=self.ledger,
            in_flight=len(others),
            volumes=self.volumes,
            settings=settings,
        )
