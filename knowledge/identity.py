"""Who is meant: logical services (telemetry's name for them) and workloads (the cluster's)."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ServiceKey:
    """A logical service: `service.namespace` and `service.name` of its telemetry."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class WorkloadKey:
    """A workload object of the cluster; `uid` tells it from a later one of the same name."""

    namespace: str
    kind: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    def same_name(self, other: Self) -> bool:
        """True if both name the same object, be it re-created since or not."""
        return (self.namespace, self.kind, self.name) == (other.namespace, other.kind, other.name)
