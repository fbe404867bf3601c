"""What is to be done about an issue, and what came of it."""

from dataclasses import dataclass
from typing import Literal

from knowledge.cluster import Change
from knowledge.identity import ServiceKey
from knowledge.issues import Symptom
from knowledge.orders import Approval
from knowledge.remedies import RemedyChoice

Mode = Literal["observe", "suggest", "approve", "auto"]
"""observe: plan nothing. suggest: plan and show. approve: do what a person approved. auto: do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One piece of evidence for a plan. `api` and `probe` facts no telemetry sender can forge.

    A `senders` fact takes two that were authenticated apart and lie alike.
    """

    source: Literal["telemetry", "api", "probe", "senders"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be true, and until when, for the plan to have helped."""

    service: ServiceKey
    text: str
    deadline_unix_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPlan:
    """A change with its reasons, its expected outcome and its way back.

    `strategy`: the rung of the ladder that it comes from. `settling_s`: how long its effect takes
    to show. `cost`: what it takes while it works. `before`: the symptoms that it is to cure.
    `diff`: what it changes, a line each. `digest`: names exactly this change of exactly this state
    of its target; whoever approves it approves nothing else.
    """

    id: str
    issue_id: str
    cause: ServiceKey
    change: Change
    undo: Change | None
    facts: tuple[Fact, ...]
    expected: Expectation
    created_unix_ns: int
    expires_unix_ns: int
    strategy: str = ""
    settling_s: float = 0.0
    cost: str = ""
    before: tuple[Symptom, ...] = ()
    diff: tuple[str, ...] = ()
    digest: str = ""
    ends_boost: bool = False
    """It takes room away that is not needed any more: nothing is wrong, and nothing may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardResult:
    """One guard's word on one plan."""

    guard: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedPlan:
    """A plan that all guards let pass, with what each said; `approval`: where a person had to.

    `choice`: how it was chosen among those that the guards let pass.
    """

    plan: RecoveryPlan
    guards: tuple[GuardResult, ...]
    approval: Approval | None = None
    choice: RemedyChoice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why nothing is done about an issue (yet). A refusal is an answer, not an error."""

    issue_id: str
    guard: str
    reason: str
    plan: RecoveryPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """An issue that a person must look at. `stops`: nothing more is done about it until then."""

    issue_id: str
    reason: str
    look_at: str
    stops: bool
    since_unix_ns: int


Outcome = Literal["recovered", "unchanged", "worse", "unproven"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a plan helped, judged on the entry service's own figures."""

    plan_id: str
    issue_id: str
    outcome: Outcome
    evidence: tuple[str, ...]
    decided_unix_ns: int
