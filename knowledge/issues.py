"""What is wrong and why: symptoms, causes, issues."""

from dataclasses import dataclass
from typing import Final, Literal

from knowledge.identity import ServiceKey, WorkloadKey

Health = Literal["healthy", "unhealthy", "unknown"]
SymptomKind = Literal["HighLatency", "HighErrorRate"]
IssueKind = Literal[
    "PerformanceDegradation", "ServiceFailure", "ResourceExhaustion", "ConfigurationError"
]
Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One reading of one rule on one service. `unknown` means too little data: it never acts."""

    kind: SymptomKind
    service: ServiceKey
    health: Health
    value: float | None
    limit: float
    baseline: float | None
    unit: Literal["ms", "ratio"]
    sample_count: int
    is_entry: bool
    evidence: tuple[str, ...]
    exemplars: tuple[str, ...]


EXPLAINS_MIN: Final = 0.5
"""A service that explains less of an issue than this is not its cause, and nothing to act upon."""

CauseKind = Literal["slow", "failing", "unreachable"]


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


Finding = Literal["cause", "several causes", "no cause in view"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something that users feel, from its first sign until it stays away.

    `seen_unix_ns`: when it was last known how the service does.
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

    @property
    def evidence(self) -> tuple[str, ...]:
        """What speaks for the issue, in sentences."""
        return tuple(line for symptom in self.symptoms for line in symptom.evidence)
