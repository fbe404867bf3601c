"""All that planning and guarding may look at: one frozen picture of one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knowledge.cluster import ClusterReport
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.issues import Issue, Symptom
from knowledge.windows import Freshness, WindowTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known at `now_unix_ns`. `cluster` is None without one, or while it is silent.

    `stopped`: why nothing at all may be written, if so. `workloads`: who runs which service, as far
    as telemetry and the cluster agree.
    """

    now_unix_ns: int
    issues: tuple[Issue, ...]
    symptoms: tuple[Symptom, ...]
    tables: WindowTables
    freshness: tuple[Freshness, ...]
    cluster: ClusterReport | None
    is_warm: bool
    stopped: str | None = None
    workloads: Mapping[ServiceKey, WorkloadKey] = field(default_factory=dict)

    def issue(self, issue_id: str) -> Issue | None:
        """The issue of that id, as it stands now."""
        return next((issue for issue in self.issues if issue.id == issue_id), None)
