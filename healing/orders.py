"""What people said, as healing remembers it: pauses that hold, approvals that wait for a plan."""

from dataclasses import replace

from healing.remedies import forgiven
from healing.state import HealingState
from knowledge.orders import Approval, Order, Pause, Resume


def obeyed(
    state: HealingState,
    orders: tuple[Order, ...],
    *,
    approval_expiry_s: float,
    now_unix_ns: int,
) -> HealingState:
    """Return the state after `orders`, without what has expired."""
    for order in orders:
        match order:
            case Approval():
                others = (a for a in state.approvals if a.digest != order.digest)
                state = replace(state, approvals=(*others, order))
            case Pause():
                rest = (p for p in state.pauses if p.id != order.id)
                state = replace(state, pauses=(*rest, order))
            case Resume():
                state = replace(
                    state,
                    pauses=tuple(p for p in state.pauses if p.id != order.id),
                    # one that was handed over since then was not meant
                    escalations=tuple(
                        e
                        for e in state.escalations
                        if e.issue_id != order.id or e.since_unix_ns > order.given_unix_ns
                    ),
                    resumed={**state.resumed, order.id: order.given_unix_ns},
                    remedies=forgiven(state.remedies, order),
                )
    horizon = now_unix_ns - int(approval_expiry_s * 1e9)
    return replace(
        state,
        approvals=tuple(a for a in state.approvals if a.given_unix_ns > horizon),
        pauses=tuple(
            p for p in state.pauses if p.expires_unix_ns is None or p.expires_unix_ns > now_unix_ns
        ),
    )
