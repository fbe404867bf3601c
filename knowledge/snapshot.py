"""What the service shows of itself: one frozen picture, replaced after each tick."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from knowledge.breakers import BreakerRecord
from knowledge.issues import Issue, Symptom
from knowledge.orders import Pause
from knowledge.plans import Escalation, GuardResult, Mode, RecoveryPlan, Refused, Verdict
from knowledge.regulation import Regulated
from knowledge.remedies import RemedyReport
from knowledge.sizing import Sized
from knowledge.traffic import PoolRecord
from knowledge.windows import Freshness, WindowTables


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """One write, as people want to read it."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What was planned and decided about one issue."""

    issue_id: str
    plan: RecoveryPlan | None
    guards: tuple[GuardResult, ...]
    refusals: tuple[Refused, ...]
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestCounts:
    """What became of the rows of one signal since the start."""

    signal: str
    rows: int
    late_rows: int
    duplicate_rows: int
    future_rows: int
    refused_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRecord:
    """All that is still held of one trace as its senders wrote it.

    Each item of `spans` and `logs` has `resource`, `scope` and `item`, as OTLP/JSON has them.
    `is_whole`: every receiver answered, and nothing was left out for its size.
    """

    trace_id: str
    spans: tuple[Mapping[str, Any], ...]
    logs: tuple[Mapping[str, Any], ...]
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSnapshot:
    """All that the status surface may show; it reads this one reference and calls no stage."""

    version: str
    now_unix_ns: int
    mode: Mode
    notes: tuple[str, ...]
    halted: str | None
    is_warm: bool
    freshness: tuple[Freshness, ...]
    ingest: tuple[IngestCounts, ...]
    receivers: dict[str, dict[str, int]]
    senders: dict[str, list[dict[str, Any]]]
    """Per receiver the services that most items came of."""

    tables: WindowTables
    symptoms: tuple[Symptom, ...]
    issues: tuple[Issue, ...]
    treatments: tuple[Treatment, ...]
    actions: tuple[ActionRecord, ...]
    role: Literal["alone", "leader", "standby"] = "alone"
    epoch: int = 0
    stopped: str | None = None
    pauses: tuple[Pause, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    regulated: tuple[Regulated, ...] = ()
    sized: tuple[Sized, ...] = ()
    traffic: tuple[PoolRecord, ...] = ()
    remedies: RemedyReport | None = None
    breakers: tuple[BreakerRecord, ...] = ()
