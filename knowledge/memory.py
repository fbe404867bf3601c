"""What is read back from the journal: ticks as they were, and what a starting service must know."""

from dataclasses import dataclass

from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.issues import Issue
from knowledge.orders import Order
from knowledge.plans import ApprovedPlan, Escalation, Verdict
from knowledge.regulation import Hold
from knowledge.ticks import TickInputs, TickOutputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One tick as it was journaled."""

    seq: int
    epoch: int
    inputs: TickInputs
    outputs: TickOutputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a starting service knows from before: what it set out to do, and what came of it.

    `orders`: what people said, in the order in which they said it.
    `issues`: those that were not over when it was last running. `escalations`: what was handed to a
    person by then. `holds`: the workloads that somebody else had just scaled.
    `remedies_fell_unix_ns`: since when the rules chose the remedies again; 0: they did not.
    """

    approved: tuple[ApprovedPlan, ...]
    intents: tuple[WriteIntent, ...]
    outcomes: tuple[WriteOutcome, ...]
    verdicts: tuple[Verdict, ...]
    orders: tuple[Order, ...] = ()
    issues: tuple[Issue, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    holds: tuple[Hold, ...] = ()
    remedies_fell_unix_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """An epoch that began within a life of the service: with what the shared ledger told.

    `fence`: the epoch of the lease, which all writes carry. What the analysis knew goes on.
    """

    fence: int
    memory: Memory
