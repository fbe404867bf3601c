"""What a strategy answers, and what it is asked about."""

from dataclasses import dataclass

from healing.situation import Situation
from knowledge.cluster import Change, ClusterReport, Workload
from knowledge.issues import Cause, Issue
from knowledge.plans import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One issue with the cause that is to be treated; workload and report are known to exist.

    `condemned`: revisions of the workload that were rolled back from before.
    """

    issue: Issue
    cause: Cause
    workload: Workload
    cluster: ClusterReport
    situation: Situation
    condemned: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change, its way back (None: it completes by itself), its evidence, what should follow.

    `settling_s`: how long that takes to show at the earliest. `cost`: what it takes meanwhile.
    """

    change: Change
    undo: Change | None
    facts: tuple[Fact, ...]
    expected: str
    settling_s: float
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotThis:
    """Why a strategy does not fit."""

    strategy: str
    reason: str
