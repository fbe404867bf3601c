"""The snapshot as JSON: models that the OpenAPI description is made from. Pure."""

from typing import Any

from pydantic import BaseModel, Field

from knowledge.cluster import Change
from knowledge.issues import Issue
from knowledge.snapshot import StatusSnapshot, Treatment
from status import balance_views as balance
from status.people import EscalationView, PauseView, escalated_of, pauses_of
from status.pools import PoolView
from status.top_services import TopServiceView, top_services


class SignalView(BaseModel):
    """How fresh a signal is."""

    age_s: float | None = Field(description="age of the newest row; null before the first")
    rows: int = Field(description="rows received since the start")


class ServiceView(BaseModel):
    """One service in the last window."""

    namespace: str
    service: str
    p50_ms: float
    p95_ms: float
    p99_ms: float
    error_ratio: float
    span_count: int
    window_s: float


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


class ActionView(BaseModel):
    """One write that was tried."""

    id: str
    issue_id: str
    kind: str
    target: str
    is_undo: bool
    status: str
    reason: str
    created_unix_ns: int
    finished_unix_ns: int | None
    verdict: str | None


class IngestView(BaseModel):
    """What became of the rows of one signal."""

    signal: str
    rows: int
    late_rows: int
    duplicate_rows: int
    future_rows: int
    refused_frames: int


class TraceView(BaseModel):
    """One trace as its senders wrote it."""

    trace_id: str
    spans: list[dict[str, Any]] = Field(
        description="each with resource, scope and item (OTLP/JSON)"
    )
    logs: list[dict[str, Any]] = Field(description="each with resource, scope and item (OTLP/JSON)")
    is_whole: bool = Field(description="false: a receiver did not answer, or it was too large")


class StatusView(BaseModel):
    """The whole of /status."""

    version: str
    now_unix_ns: int
    mode: str
    role: str = Field(description="alone; or leader or standby, where there are several replicas")
    epoch: int = Field(description="of the lease: grows by one with each new leader")
    notes: list[str]
    halted: str | None = Field(description="why no more actions are taken; null while all is well")
    warm: bool = Field(description="whether it is known what is normal; nothing is done before")
    freshness: dict[str, SignalView]
    ingest: list[IngestView]
    receivers: dict[str, dict[str, int]]
    top_services: list[TopServiceView] = Field(description="whose items most came in, of all time")
    services: list[ServiceView]
    issues: list[IssueView]
    actions: list[ActionView]
    stopped: str | None = Field(description="why nothing at all is written; null: it may be")
    pauses: list[PauseView]
    escalated: list[EscalationView]
    autoscalers: list[balance.AutoscalerView]
    sizing: list[balance.SizingView]
    traffic: list[PoolView] = Field(description="backends whose weights are kept in balance")
    remedies: balance.RemediesView | None = Field(description="who chooses among several remedies")
    breakers: list[balance.BreakerView]


def view(snapshot: StatusSnapshot) -> StatusView:
    """Return the snapshot as /status shows it."""
    treatments = {treatment.issue_id: treatment for treatment in snapshot.treatments}
    window_s = snapshot.tables.window_s
    return StatusView(
        version=snapshot.version,
        now_unix_ns=snapshot.now_unix_ns,
        mode=snapshot.mode,
        role=snapshot.role,
        epoch=snapshot.epoch,
        notes=list(snapshot.notes),
        halted=snapshot.halted,
        warm=snapshot.is_warm,
        freshness={
            item.signal: SignalView(age_s=item.age_s, rows=item.rows) for item in snapshot.freshness
        },
        ingest=[IngestView.model_validate(item, from_attributes=True) for item in snapshot.ingest],
        receivers=snapshot.receivers,
        top_services=top_services(snapshot.senders.values()),
        services=[
            _service(row, window_s) for row in snapshot.tables.services.iter_rows(named=True)
        ],
        issues=[_issue(issue, treatments.get(issue.id)) for issue in snapshot.issues],
        actions=[
            ActionView.model_validate(item, from_attributes=True) for item in snapshot.actions
        ],
        sizing=balance.sizing_of(snapshot),
        stopped=snapshot.stopped,
        pauses=pauses_of(snapshot),
        escalated=escalated_of(snapshot),
        autoscalers=balance.autoscalers_of(snapshot),
        traffic=[PoolView.model_validate(p, from_attributes=True) for p in snapshot.traffic],
        remedies=balance.remedies_of(snapshot),
        breakers=balance.breakers_of(snapshot),
    )


def _service(row: dict[str, Any], window_s: float) -> ServiceView:
    return ServiceView(
        namespace=row["namespace"],
        service=row["service"],
        p50_ms=row["latency_ms_p50"],
        p95_ms=row["latency_ms_p95"],
        p99_ms=row["latency_ms_p99"],
        error_ratio=row["error_ratio"],
        span_count=row["span_count"],
        window_s=window_s,
    )


def _issue(issue: Issue, treatment: Treatment | None) -> IssueView:
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
