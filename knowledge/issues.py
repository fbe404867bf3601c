"""What is wrong and why: symptoms, causes, issues."""

from dataclasses import dataclass
from typing import Final, Literal

from knowledge.identity import ServiceKey, WorkloadKey

Health = Literal["healthy", "unhealthy", "unknown"]
SymptomKind = Literal[
    "HighLatency", "HighErrorRate", "ServiceDown", "HighResourceUsage", "MemoryLeak", "Custom"
]
FELT: Final[frozenset[SymptomKind]] = frozenset({"HighLatency", "HighErrorRate", "ServiceDown"})
"""What users or callers feel. The others say what is coming, or what a person wants to know."""
IssueKind = Literal[
    "PerformanceDegradation", "ServiceFailure", "ResourceExhaustion", "ConfigurationError"
]
Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One reading of one rule on one service. `unknown` means too little data: it never acts.

    `evidence` of an unknown one says what is missing. `rule`: which Custom rule it is of.
    """

    kind: SymptomKind
    service: ServiceKey
    health: Health
    value: float | None
    limit: float
    baseline: float | None
    unit: Literal["ms", "ratio", "s", "1/h", ""]
    sample_count: int
    is_entry: bool
    evidence: tuple[str, ...]
    exemplars: tuple[str, ...]
    rule: str = ""


EXPLAINS_MIN: Final = 0.5
"""A service that explains less of an issue than this is not its cause, and nothing to act upon."""

CauseKind = Literal["slow", "failing", "unreachable", "down", "short of resources", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A service that would explain an issue.

    `explains_ratio`: the share of the users' excess that goes away if this service were normal.
    `confidence`: that share, lowered by how close the runner-up comes; [0, 1].
    `arrival_ratio`: its requests a second over what is usual; None while that is not known.
    """

    service: ServiceKey
    workload: WorkloadKey | None
    kind: CauseKind
    explains_ratio: float
    confidence: float
    arrival_ratio: float | None
    evidence: tuple[str, ...]


Finding = Literal["cause", "several causes", "no cause in view", "felt by nobody"]
"""`felt by nobody`: where it is is known, and no user or caller feels it: told, never acted on."""


ChangeKind = Literal["release", "scale", "version", "event"]
"""`event`: what Kubernetes itself says of a pod or a workload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """Something that somebody changed, as the cluster or the telemetry showed it."""

    unix_ns: int
    kind: ChangeKind
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something that users feel, from its first sign until it stays away.

    `seen_unix_ns`: when it was last known how the service does. `affected`: all services where it
    is felt, or that are sick of it, `service` first. `changes`: what was changed before and
    meanwhile. `reason`: why it is in its state, where that needs telling.
    """

    id: str
    kind: IssueKind
    state: Literal["pending", "firing", "resolved"]
    severity: Severity
    service: ServiceKey
    opened_unix_ns: int
    fired_unix_ns: int | None
    resolved_unix_ns: int | None
    healthy_since_unix_ns: int | None
    seen_unix_ns: int
    symptoms: tuple[Symptom, ...]
    finding: Finding
    causes: tuple[Cause, ...]
    affected: tuple[ServiceKey, ...] = ()
    changes: tuple[ChangeEvent, ...] = ()
    reason: str = ""

    @property
    def evidence(self) -> tuple[str, ...]:
        """What speaks for the issue, in sentences."""
        return tuple(line for symptom in self.symptoms for line in symptom.evidence)
