"""`POST /api/v1/diagnose`: who is the cause of what began at a given time?"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from knowledge.diagnosis import Diagnosis, Suspect

Diagnose = Callable[[int, tuple[tuple[int, int], ...]], Awaitable[Diagnosis]]
"""Answers an onset and the periods to be left out of what is usual, all in ns since 1970."""


class PeriodView(BaseModel):
    """A time that says nothing about what is usual."""

    model_config = ConfigDict(extra="forbid")

    from_unix_s: float = Field(gt=0, lt=1e10)
    to_unix_s: float = Field(gt=0, lt=1e10)

    @model_validator(mode="after")
    def _in_order(self) -> "PeriodView":
        if self.to_unix_s <= self.from_unix_s:
            raise ValueError("to_unix_s must lie after from_unix_s")
        return self


class QuestionView(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid")

    onset_unix_s: float = Field(gt=0, lt=1e10, description="when it began, seconds since 1970")
    leave_out: list[PeriodView] = Field(
        default=[], max_length=1000, description="earlier trouble, no part of what is usual"
    )


class TestimonyView(BaseModel):
    """What speaks for a suspect."""

    witness: str
    strength: float
    evidence: str


class SuspectView(BaseModel):
    """A service that may be the cause."""

    namespace: str
    service: str
    score: float
    testimonies: list[TestimonyView]


class DiagnosisView(BaseModel):
    """The answer; `causes` best first, each service once."""

    onset_unix_s: float
    until_unix_s: float
    finding: str
    confidence: float
    margin: float
    sentence: str
    causes: list[SuspectView]
    request_count: int
    usual_request_count: int


def diagnosis_router(diagnose: Diagnose) -> APIRouter:
    """Return the route; the work is done elsewhere, in a thread."""
    router = APIRouter(prefix="/api/v1")

    @router.post("/diagnose")
    async def ask(question: QuestionView) -> DiagnosisView:
        """Name the cause of what began at `onset_unix_s`, by all that was received until now."""
        leave_out = tuple(
            (int(period.from_unix_s * 1e9), int(period.to_unix_s * 1e9))
            for period in question.leave_out
        )
        return view(await diagnose(int(question.onset_unix_s * 1e9), leave_out))

    return router


def view(diagnosis: Diagnosis) -> DiagnosisView:
    """Return a diagnosis as JSON shows it."""
    return DiagnosisView(
        onset_unix_s=diagnosis.question.onset_unix_ns / 1e9,
        until_unix_s=diagnosis.question.until_unix_ns / 1e9,
        finding=diagnosis.finding,
        confidence=diagnosis.confidence,
        margin=diagnosis.margin,
        sentence=diagnosis.sentence,
        causes=[_suspect(suspect) for suspect in diagnosis.suspects],
        request_count=diagnosis.request_count,
        usual_request_count=diagnosis.usual_request_count,
    )


def _suspect(suspect: Suspect) -> SuspectView:
    return SuspectView(
        namespace=suspect.service.namespace,
        service=suspect.service.name,
        score=suspect.score,
        testimonies=[
            TestimonyView(witness=t.witness, strength=t.strength, evidence=t.evidence)
            for t in suspect.testimonies
        ],
    )
