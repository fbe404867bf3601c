"""What keeps the workloads in balance, as /status shows it."""

from pydantic import BaseModel, Field

from knowledge.snapshot import StatusSnapshot


class AutoscalerView(BaseModel):
    """What an autoscaler found at its last look."""

    workload: str
    policy: str
    replicas: int | None = Field(description="as they are now; null: the workload is not seen")
    wanted: int | None = Field(description="by the controller alone; null: it holds")
    target: int | None = Field(description="after floors of recoveries, bounds and step limits")
    reason: str
    held_by: str = Field(description="the guard that keeps a change from being made, or empty")


class SizingView(BaseModel):
    """What the pods of a workload should have; shares of their present limit."""

    workload: str
    cpu_target: float | None = Field(description="null: use is not known")
    cpu_upper: float | None
    memory_target: float | None
    memory_upper: float | None
    confidence_days: float = Field(description="days of history that it rests on")


class BreakerView(BaseModel):
    """Calls of one kind to the API server: are they made?"""

    calls: str = Field(description="read, watch, write")
    mode: str = Field(description="closed: made; open: held back; half_open: a few are tried")
    held_back_count: int = Field(description="calls not made, since the start")
    reason: str


class RemedyChoiceView(BaseModel):
    """One choice among the remedies that the guards let pass."""

    issue_id: str
    context: str
    rule: str = Field(description="what the rules take")
    proposed: str = Field(description="what the bandit would take")
    remedy: str = Field(description="what was taken")
    propensity: float = Field(description="the probability with which it was taken")
    policy: dict[str, float] = Field(description="the bandit's own probabilities")
    reason: str


class RemediesView(BaseModel):
    """Who chooses among several remedies, and what is known of the chooser."""

    mode: str = Field(description="rules, shadow, bandit")
    is_promoted: bool = Field(description="whether it chooses, since it is proven")
    is_fallen_back: bool = Field(description="whether it did worse than the rules, which are back")
    judged_count: int = Field(description="choices among several whose outcome is known")
    differing_count: int = Field(description="of these, where it prefers another than the rules")
    drawn_count: int = Field(description="of these, by lot: they alone can prove anything")
    gain: float | None = Field(description="the share that it heals more than the rules, estimated")
    gain_lower: float | None = Field(description="... surely, at 95 %; above 0 it is proven")
    reason: str
    latest: list[RemedyChoiceView]


def autoscalers_of(snapshot: StatusSnapshot) -> list[AutoscalerView]:
    """Return what each autoscaler found."""
    return [AutoscalerView.model_validate(r, from_attributes=True) for r in snapshot.regulated]


def sizing_of(snapshot: StatusSnapshot) -> list[SizingView]:
    """Return what pods should have."""
    return [SizingView.model_validate(sized, from_attributes=True) for sized in snapshot.sized]


def breakers_of(snapshot: StatusSnapshot) -> list[BreakerView]:
    """Return how it stands with the calls to the API server."""
    return [BreakerView.model_validate(b, from_attributes=True) for b in snapshot.breakers]


def remedies_of(snapshot: StatusSnapshot) -> RemediesView | None:
    """Return who chooses among remedies."""
    report = snapshot.remedies
    if report is None:
        return None
    told = {field: getattr(report, field) for field in RemediesView.model_fields}
    told["latest"] = [
        RemedyChoiceView(
            issue_id=issue_id,
            context=choice.context,
            rule=choice.rule,
            proposed=choice.proposed,
            remedy=choice.remedy,
            propensity=choice.propensity,
            policy=dict(choice.policy),
            reason=choice.reason,
        )
        for issue_id, choice in report.latest
    ]
    return RemediesView(**told)
