"""All that planning and guarding may look at: one frozen picture of one moment."""

from dataclasses import dataclass

from knowledge.cluster import ClusterReport
from knowledge.issues import Issue, Symptom
from knowledge.windows import Freshness, WindowTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known at `now_unix_ns`. `cluster` is None without one, or while it is silent.

    `stopped`: why nothing at all may be written, if so.
    """

    now_unix_ns: int
    issues: tuple[Issue, ...]
    symptoms: tuple[Symptom, ...]
    tables: WindowTables
    freshness: tuple[Freshness, ...]
    cluster: ClusterReport | None
    is_warm: bool
    stopped: str | None = None

    def issue(self, issue_id: str) -> Issue | None:
        """The issue of that id, as it stands now."""
        return next((issue for issue in self.issues if issue.id == issue_id), None)
