"""What the ledger of several replicas holds, and its form as the data of one ConfigMap. Pure.

A key for each plan; what is over is shortened to what the stop figures count. Beside the plans:
what people said and still holds, and what stood after the last tick that healed.
"""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import ValidationError

from healing.cluster.action_ledger import LedgerUnavailableError
from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.codec import from_json, to_json
from knowledge.issues import Issue
from knowledge.memory import Memory
from knowledge.orders import Order
from knowledge.plans import ApprovedPlan, Escalation, Verdict
from knowledge.regulation import Hold
from knowledge.ticks import TickOutputs

NAME: Final = "homeostat-ledger"
EPOCH: Final = "epoch"
HOLDER: Final = "holder"
ORDERS: Final = "orders"
STANDING: Final = "standing"
BYTES_MAX: Final = 900_000
"""A ConfigMap holds 1 MiB in all."""
RETENTION_S: Final = 86_400.0
"""As long as any stop figure counts back."""
REGULATION_S: Final = 7_200.0
ORDERS_MAX: Final = 200
STANDING_MAX: Final = 50
"""Issues, and escalations, that a successor is told of; in a storm they are more than it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of one plan."""

    approved: tuple[ApprovedPlan, ...] = ()
    intents: tuple[WriteIntent, ...] = ()
    outcomes: tuple[WriteOutcome, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether something of it is still to be finished."""
        ended = {o.intent_id for o in self.outcomes if o.status != "unknown"}
        happened = any(o.status == "applied" for o in self.outcomes)
        is_unjudged = bool(self.approved) and happened and not self.verdicts
        return is_unjudged or any(i.id not in ended for i in self.intents)

    @property
    def unsent(self) -> frozenset[str]:
        """The ids of its intents of which nothing was sent."""
        return frozenset(o.intent_id for o in self.outcomes if not o.is_sent)

    @property
    def is_unsent(self) -> bool:
        """Whether it came to nothing before anything was sent: no stop figure counts that."""
        unsent = self.unsent
        return bool(unsent) and all(intent.id in unsent for intent in self.intents)

    def shortened(self) -> "Kept":
        """Return what is counted of it; all that is needed for an undo that was held back."""
        unsent = self.unsent
        last = self.intents[-1] if self.intents else None
        owed = last.id if last and last.is_undo and last.id in unsent else ""
        gone = unsent - {owed}
        return replace(
            self,
            approved=self.approved if owed else (),
            intents=tuple(i for i in self.intents if i.id not in gone),
            outcomes=tuple(o for o in self.outcomes if o.intent_id not in gone),
        )

    def is_old(self, now_unix_ns: int) -> bool:
        """Whether no stop figure counts back so far: an hour is the most that regulation's do."""
        is_regulation = all(intent.profile == "regulation" for intent in self.intents)
        kept_s = REGULATION_S if is_regulation else RETENTION_S
        horizon = now_unix_ns - int(kept_s * 1e9)
        return all(intent.created_unix_ns < horizon for intent in self.intents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stood after a tick: issues that fire, what was handed to a person, whom to leave alone.

    The issues are for their names: what they look like, a successor sees for itself.
    """

    issues: tuple[Issue, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    holds: tuple[Hold, ...] = ()

    def is_like(self, other: "Standing") -> bool:
        """Whether a successor would do the same by both: figures in texts may differ."""
        return self.key() == other.key()

    def key(self) -> tuple[object, ...]:
        """What it is told from others by."""
        return (
            {issue.id for issue in self.issues},
            {(e.issue_id, e.stops, e.since_unix_ns) for e in self.escalations},
            self.holds,
        )


def standing_of(outputs: TickOutputs) -> Standing:
    """Return what stands after a tick, without what a successor has no use for."""
    firing = [issue for issue in outputs.issues if issue.state == "firing"]
    last = sorted(outputs.escalations, key=lambda e: (not e.stops, e.issue_id))
    return Standing(
        issues=tuple(map(_named, firing[:STANDING_MAX])),
        escalations=tuple(last[:STANDING_MAX]),
        holds=outputs.holds,
    )


def _named(issue: Issue) -> Issue:
    symptoms = tuple(replace(s, evidence=(), exemplars=()) for s in issue.symptoms)
    return replace(issue, symptoms=symptoms, causes=issue.causes[:1], changes=())


@dataclass
class Content:
    """The object as it is to be; `version` None: it must be looked up first."""

    epoch: int = 0
    holder: str = ""
    plans: dict[str, Kept] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()
    standing: Standing = field(default_factory=Standing)
    version: str | None = None

    def add(self, plan_id: str, more: Kept) -> None:
        """Keep more of a plan."""
        known = self.plans.get(plan_id, Kept())
        self.plans[plan_id] = Kept(
            approved=known.approved + more.approved,
            intents=known.intents + more.intents,
            outcomes=known.outcomes + more.outcomes,
            verdicts=known.verdicts + more.verdicts,
        )

    def prune(self, now_unix_ns: int) -> None:
        """Let go what no stop figure counts, and shorten what is over."""
        for plan_id, kept in tuple(self.plans.items()):
            if kept.is_open:
                continue
            if kept.is_old(now_unix_ns) or kept.is_unsent:
                del self.plans[plan_id]
            else:
                self.plans[plan_id] = kept.shortened()
        self.orders = orders_in_force(self.orders, now_unix_ns)

    def data(self) -> dict[str, str]:
        """Return it as the data of a ConfigMap.

        Raises:
            LedgerUnavailableError: there is too much of it.
        """
        data = {_key(plan_id): to_json(kept).decode() for plan_id, kept in self.plans.items()}
        data |= {EPOCH: str(self.epoch), HOLDER: self.holder}
        data[ORDERS] = to_json(self.orders, tuple[Order, ...]).decode()
        data[STANDING] = to_json(self.standing).decode()
        size = sum(map(len, data.values()))
        if size > BYTES_MAX:
            raise LedgerUnavailableError(
                f"{NAME} would have {size} bytes, over {BYTES_MAX}: too many actions in a day"
            )
        return data


def content_of(body: dict[str, Any]) -> Content:
    """Return what an object holds.

    Raises:
        LedgerUnavailableError: it cannot be read.
    """
    data = dict(body.get("data") or {})
    epoch, holder, orders, standing = (
        data.pop(key, "") for key in (EPOCH, HOLDER, ORDERS, STANDING)
    )
    plans: dict[str, Kept] = {}
    try:
        for text in data.values():
            kept = from_json(Kept, text)
            plans[kept.intents[0].plan_id if kept.intents else kept.approved[0].plan.id] = kept
        return Content(
            epoch=int(epoch or 0),
            holder=holder,
            plans=plans,
            orders=from_json(tuple[Order, ...], orders or "[]"),
            standing=from_json(Standing, standing or "{}"),
            version=body["metadata"]["resourceVersion"],
        )
    except (ValidationError, ValueError, IndexError) as error:
        # what cannot be read cannot be judged: nothing is begun on top of it
        raise LedgerUnavailableError(
            f"{NAME} cannot be read: {error}: repair it, or delete it when nothing is in force"
        ) from error


def _key(plan_id: str) -> str:
    return f"plan-{hashlib.sha256(plan_id.encode()).hexdigest()[:16]}"


def orders_in_force(orders: tuple[Order, ...], now_unix_ns: int) -> tuple[Order, ...]:
    """The orders that a successor must know: each pause that is not over, whatever came since.

    A pause that was ended goes with the order that ended it. Approvals are for their moment only.
    """
    ended = {order.id for order in orders if order.kind == "resume"}
    pauses = {order.id for order in orders if order.kind == "pause"}
    resumed = [o for o in orders if o.kind == "resume" and o.id not in pauses][-ORDERS_MAX:]
    return tuple(
        order
        for order in orders
        if order in resumed
        or (
            order.kind == "pause"
            and order.id not in ended
            and (order.expires_unix_ns is None or order.expires_unix_ns >= now_unix_ns)
        )
    )


def memory_of(content: Content) -> Memory:
    """All of it as a journal tells it, in the order in which it was begun."""
    plans = content.plans.values()
    ordered = sorted(plans, key=lambda k: k.intents[0].created_unix_ns if k.intents else 0)
    return Memory(
        approved=tuple(a for kept in ordered for a in kept.approved),
        intents=tuple(i for kept in ordered for i in kept.intents),
        outcomes=tuple(o for kept in ordered for o in kept.outcomes),
        verdicts=tuple(v for kept in ordered for v in kept.verdicts),
        orders=content.orders,
        issues=content.standing.issues,
        escalations=content.standing.escalations,
        holds=content.standing.holds,
    )
