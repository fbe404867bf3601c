"""What keeps the workloads in balance, as /status shows it."""

from pydantic import BaseModel, Field


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
