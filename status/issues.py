"""An issue on /status, with the plan that treats it and what came of that. Pure."""

from pydantic import BaseModel, Field

from knowledge.cluster import Change
from knowledge.issues import Issue
from knowledge.snapshot import Treatment


class CauseView(BaseModel):
    """A service that would explain an issue."""

    service: str
    workload: str | None
    kind: str
    confidence: float
    explains_ratio: float
    evidence: list[str]


class ChangeView(BaseModel):
    """What is to be done to what."""

    kind: str
    target: str
    detail: str


class PlanView(BaseModel):
    """A plan with its expected outcome and its way back."""

    actions: list[ChangeView]
    expected: str
    rollback: str
    facts: list[str]
    guards: list[str]
    strategy: str = Field(description="the rung of the ladder that the plan comes from")
    settling_s: float = Field(description="how long its effect takes to show, at the least")
    cost: str = Field(description="what it takes while it works")
    diff: list[str] = Field(description="what it changes, a line each")
    digest: str = Field(description="names exactly this change of exactly this state: to approve")


class VerdictView(BaseModel):
    """Whether a plan helped."""

    outcome: str
    evidence: list[str]
    decided_unix_ns: int


class IssueView(BaseModel):
    """What is wrong, why, and what is being done about it."""

    id: str
    kind: str
    state: str
    severity: str
    service: str
    opened_unix_ns: int
    fired_unix_ns: int | None
    resolved_unix_ns: int | None
    evidence: list[str]
    exemplars: list[str] = Field(description="trace ids of the worst requests")
    finding: str
    causes: list[CauseView]
    affected: list[str] = Field(description="services where it is felt or that are sick of it")
    changes: list[str] = Field(description="what was changed before and meanwhile, newest first")
    reason: str = Field(description="why it is in its state, where that needs telling")
    plan: PlanView | None
    refusals: list[str]
    verdict: VerdictView | None


def issue_of(issue: Issue, treatment: Treatment | None) -> IssueView:
    """Return an issue with what is being done about it."""
    return IssueView(
        id=issue.id,
        kind=issue.kind,
        state=issue.state,
        severity=issue.severity,
        service=str(issue.service),
        opened_unix_ns=issue.opened_unix_ns,
        fired_unix_ns=issue.fired_unix_ns,
        resolved_unix_ns=issue.resolved_unix_ns,
        evidence=list(issue.evidence),
        exemplars=sorted({trace for symptom in issue.symptoms for trace in symptom.exemplars}),
        finding=issue.finding,
        causes=[
            CauseView(
                service=str(cause.service),
                workload=str(cause.workload) if cause.workload else None,
                kind=cause.kind,
                confidence=cause.confidence,
                explains_ratio=cause.explains_ratio,
                evidence=list(cause.evidence),
            )
            for cause in issue.causes
        ],
        affected=[str(service) for service in issue.affected],
        changes=[change.text for change in issue.changes],
        reason=issue.reason,
        plan=_plan(treatment) if treatment else None,
        refusals=[f"{r.guard}: {r.reason}" for r in treatment.refusals] if treatment else [],
        verdict=_verdict(treatment) if treatment else None,
    )


def _plan(treatment: Treatment) -> PlanView | None:
    plan = treatment.plan
    if plan is None:
        return None
    return PlanView(
        actions=[_change(plan.change)],
        expected=plan.expected.text,
        rollback=describe(plan.undo) if plan.undo else "none: it completes by itself",
        facts=[f"{fact.source}: {fact.text}" for fact in plan.facts],
        guards=[guard.guard for guard in treatment.guards],
        strategy=plan.strategy,
        settling_s=plan.settling_s,
        cost=plan.cost,
        diff=list(plan.diff),
        digest=plan.digest,
    )


def _verdict(treatment: Treatment) -> VerdictView | None:
    verdict = treatment.verdict
    if verdict is None:
        return None
    return VerdictView(
        outcome=verdict.outcome,
        evidence=list(verdict.evidence),
        decided_unix_ns=verdict.decided_unix_ns,
    )


def _change(change: Change) -> ChangeView:
    return ChangeView(kind=change.kind, target=str(change.target), detail=describe(change))


def describe(change: Change) -> str:
    """Return a change as a person would say it."""
    match change.kind:
        case "scale":
            return f"scale {change.target} from {change.replicas_before} to {change.replicas}"
        case "set_floor":
            return (
                f"let {change.scaler_kind} {change.scaler_name} keep at least {change.floor or 0} "
                f"replicas of {change.target}, not {change.floor_before or 0}"
            )
        case "restart":
            return f"restart the pods of {change.target}"
        case "roll_back_release":
            return (
                f"put {change.target} back from revision {change.revision_before} "
                f"to {change.revision}"
            )
