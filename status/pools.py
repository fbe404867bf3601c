"""Pools of backends and their weights, as /status shows them."""

from pydantic import BaseModel, Field


class WeightView(BaseModel):
    """What one backend gets; 1 is an equal share."""

    address: str
    place: str
    weight: float
    because: str


class PoolView(BaseModel):
    """One pool of backends and how it is balanced."""

    name: str
    namespace: str
    policy: str
    mode: str
    telemetry_age_s: float | None
    weights: list[WeightView] = Field(description="in force")
    proposed: list[WeightView] = Field(description="what they would be in mode auto")
    carried: dict[str, str] = Field(description="what each way to the proxies did last")
