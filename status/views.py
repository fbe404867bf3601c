"""The snapshot as JSON: models that the OpenAPI description is made from. Pure."""

from typing import Any

from pydantic import BaseModel, Field

from knowledge.snapshot import StatusSnapshot
from status import balance_views as balance
from status.issues import IssueView, issue_of
from status.metered import MeteredView, metered_of
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
    metered: list[MeteredView] = Field(description="services without spans, by their histograms")
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
        metered=metered_of(snapshot.tables),
        issues=[issue_of(issue, treatments.get(issue.id)) for issue in snapshot.issues],
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
