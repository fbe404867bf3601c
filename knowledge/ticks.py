"""One tick of the loop: all that went in, and all that came out.

The journal keeps both. Whoever runs the inputs through the pure core again must get the outputs
again: that is the regression test, the audit trail, and `homeostat replay`.
"""

from dataclasses import dataclass

from knowledge.cluster import ClusterReport, WriteIntent, WriteOutcome
from knowledge.diagnosis import Diagnosis
from knowledge.issues import Issue, Symptom
from knowledge.orders import Order
from knowledge.plans import ApprovedPlan, Escalation, Refused, Verdict
from knowledge.regulation import Hold, Regulated
from knowledge.sizing import Sized
from knowledge.windows import Freshness, WindowTables


@dataclass(frozen=True, slots=True, kw_only=True)
class TickInputs:
    """All that the core may know at `now_unix_ns`.

    `cluster` is None without a cluster, or when it does not answer. `outcomes` are those of writes
    that ended since the last tick. `is_planning_due`: planning has a period of its own.
    `diagnoses`: of the issues that were open at the last tick, by their onset. `is_leader`: whether
    this replica is the one that heals; one that stands by observes only. `orders`: what people said
    since the last tick. `stopped`: why nothing at all may be written, if so.
    """

    now_unix_ns: int
    tables: WindowTables
    freshness: tuple[Freshness, ...]
    cluster: ClusterReport | None
    outcomes: tuple[WriteOutcome, ...]
    is_planning_due: bool
    diagnoses: tuple[Diagnosis, ...] = ()
    is_leader: bool = True
    orders: tuple[Order, ...] = ()
    stopped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickOutputs:
    """All that the core concluded. The shell makes each intent durable, then tries it.

    `escalations`, `holds`: what stands after the tick, for whoever goes on after us; and since when
    the rules choose the remedies again, if they do (`remedies_fell_unix_ns`, else 0).
    """

    symptoms: tuple[Symptom, ...]
    issues: tuple[Issue, ...]
    approved: tuple[ApprovedPlan, ...]
    refused: tuple[Refused, ...]
    intents: tuple[WriteIntent, ...]
    verdicts: tuple[Verdict, ...]
    regulated: tuple[Regulated, ...] = ()
    sized: tuple[Sized, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    holds: tuple[Hold, ...] = ()
    remedies_fell_unix_ns: int = 0
