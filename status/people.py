"""What people said, and what they must look at, as /status shows it. Pure."""

from pydantic import BaseModel, Field

from knowledge.snapshot import StatusSnapshot


class PauseView(BaseModel):
    """What a person paused."""

    id: str
    namespace: str = Field(description="empty: all")
    workload: str = Field(description="empty: all")
    reason: str
    by: str
    given_unix_ns: int
    expires_unix_ns: int | None = Field(description="null: until it is ended")


class EscalationView(BaseModel):
    """What a person must look at."""

    issue_id: str
    reason: str
    look_at: str
    stops: bool = Field(description="nothing more is done about it until a person says so")
    since_unix_ns: int


def pauses_of(snapshot: StatusSnapshot) -> list[PauseView]:
    """Return the pauses that hold."""
    return [PauseView.model_validate(item, from_attributes=True) for item in snapshot.pauses]


def escalated_of(snapshot: StatusSnapshot) -> list[EscalationView]:
    """Return what was handed to a person."""
    return [
        EscalationView.model_validate(item, from_attributes=True) for item in snapshot.escalations
    ]
