"""What healing remembers from one tick to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from healing.execute import Execution
from healing.guards.asked import Asked
from healing.ledger import Ledger
from healing.remedies import RemedyMemory
from healing.settings import HealingSettings
from healing.situation import Situation
from knowledge.cluster import Change
from knowledge.identity import WorkloadKey
from knowledge.orders import Approval, Pause
from knowledge.plans import Escalation, RecoveryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingState:
    """What one tick leaves for the next.

    `started_unix_ns`: when this life of the service began. `volumes`: (time, spans since the start)
    of the last minutes. `approvals`, `pauses`: what people said and what still holds. `resumed`:
    when a person let an issue be treated again. `remedies`: what was learnt of them.
    """

    epoch: int = 0
    started_unix_ns: int = 0
    intent_count: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    executions: tuple[Execution, ...] = ()
    volumes: tuple[tuple[int, int], ...] = ()
    approvals: tuple[Approval, ...] = ()
    pauses: tuple[Pause, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    resumed: Mapping[str, int] = field(default_factory=dict)
    remedies: RemedyMemory = field(default_factory=RemedyMemory)

    @property
    def in_flight(self) -> tuple[Execution, ...]:
        """The executions whose end is still out."""
        return tuple(e for e in self.executions if e.phase != "done")

    def plan_of(self, intent_id: str) -> RecoveryPlan | None:
        """The plan that an intent is of; None for one of regulation."""
        return next((e.approved.plan for e in self.executions if e.intent_id == intent_id), None)

    def changing(self) -> frozenset[WorkloadKey]:
        """The workloads that a change of our own is still settling in."""
        return frozenset(e.approved.plan.change.target for e in self.in_flight)

    def new_intent_id(self, count: int, situation: Situation) -> str:
        """An id that no other intent ever has, not even one of a journal that was since lost."""
        return f"act-{situation.now_unix_ns // 10**6}-{self.epoch}-{count}"

    def approval(self, digest: str) -> Approval | None:
        """The approval that waits for the plan of this digest."""
        return next((a for a in self.approvals if a.digest == digest), None)

    def asked(
        self,
        plan: RecoveryPlan,
        change: Change,
        situation: Situation,
        settings: HealingSettings,
        *,
        but: str = "",
        approval: Approval | None = None,
    ) -> Asked:
        """What the guards are asked about a change; `but`: the id of the intent that asks.

        `approval`: the one that the change was begun with; none yet: the one that waits for it.
        """
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
            started_unix_ns=self.started_unix_ns,
            pauses=self.pauses,
            approval=approval or self.approval(plan.digest),
            escalation=next((e for e in self.escalations if e.issue_id == plan.issue_id), None),
            resumed_unix_ns=self.resumed.get(plan.issue_id, 0),
        )
