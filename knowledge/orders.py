"""What people tell the service to do or to leave: approvals, named pauses, and their end.

An order is journaled with the tick that obeys it. `by` is the author's own word; who may give
orders at all is decided where they come in.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person has seen the plan of this digest and wants it done. One approval, one write."""

    kind: Literal["approve"] = "approve"
    digest: str
    by: str
    given_unix_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing is written to what the pause covers, by us, until it expires or is ended.

    `namespace`, `workload`: empty for all of them. `expires_unix_ns`: None until further notice.
    """

    kind: Literal["pause"] = "pause"
    id: str
    namespace: str
    workload: str
    reason: str
    by: str
    given_unix_ns: int
    expires_unix_ns: int | None

    def covers(self, namespace: str, workload: str, *, now_unix_ns: int) -> bool:
        """Whether the pause holds for a workload now."""
        return (
            self.namespace in {"", namespace}
            and self.workload in {"", workload}
            and (self.expires_unix_ns is None or now_unix_ns < self.expires_unix_ns)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """End a pause, or let an escalated issue be treated again; by the id of either."""

    kind: Literal["resume"] = "resume"
    id: str
    by: str
    given_unix_ns: int


Order = Approval | Pause | Resume


class NotKeptError(Exception):
    """An order holds from now on, but would be forgotten by a crash; the text says why."""
