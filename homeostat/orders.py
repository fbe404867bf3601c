"""What people said since the last tick: it holds at once, and the next tick journals it."""

from collections.abc import Iterable

from healing.orders import obeyed
from healing.remedies import NAME
from healing.state import HealingState
from knowledge.orders import Order
from knowledge.plans import Refused


class Orders:
    """The orders that no tick has taken in yet."""

    def __init__(self) -> None:
        self.pending: tuple[Order, ...] = ()

    def give(self, order: Order, healing: HealingState, refused: Iterable[Refused]) -> str | None:
        """Take an order, or return why it cannot be.

        `healing`: with all that was said before. `refused`: of the last look at what to do.
        """
        if order.kind == "approve":
            awaited = {r.plan.digest for r in refused if r.guard == "approval" and r.plan}
            if order.digest not in awaited:
                return f"no plan {order.digest} waits for an approval (any more): see /status"
        if order.kind == "resume":
            known = {p.id for p in healing.pauses} | {e.issue_id for e in healing.escalations}
            known |= {NAME} if healing.remedies.fell_unix_ns else set()
            if order.id not in known:
                return f"no pause and no escalated issue is called {order.id}: see /status"
        self.pending = (*self.pending, order)
        return None

    def obeyed_by(
        self, healing: HealingState, *, approval_expiry_s: float, now_unix_ns: int
    ) -> HealingState:
        """Return what healing remembers, with what is pending."""
        return obeyed(
            healing, self.pending, approval_expiry_s=approval_expiry_s, now_unix_ns=now_unix_ns
        )

    def taken(self, orders: tuple[Order, ...]) -> None:
        """A tick took these in; others may have come meanwhile."""
        self.pending = self.pending[len(orders) :]
