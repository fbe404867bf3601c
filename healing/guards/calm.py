"""Is this a time to take room away? Asked where a boost ends, beside what an undo asks."""

from typing import Final

from healing.guards.asked import Asked, Guard


def all_is_well(asked: Asked) -> str | None:
    """Nothing that users feel is open: whatever it is, fewer pods do not help against it."""
    for issue in asked.situation.issues:
        if issue.state != "resolved":
            return f"{issue.service} has an open issue"
    return None


def still_boosted(asked: Asked) -> str | None:
    """What is taken away was added by us, and is still there."""
    workload = asked.workload
    if workload is None or workload.boost is None:
        return f"nothing of ours is in force on {asked.change.target}"
    return None


def not_missed(asked: Asked) -> str | None:
    """Its end did not bring the trouble back before: once is a try, twice would be a swing."""
    limit = asked.settings
    since = max(asked.since(limit.boost_missed_s), asked.resumed_unix_ns)
    missed = asked.ledger.missed(
        asked.change.target, since_unix_ns=since, within_s=limit.oscillation_s
    )
    if not missed:
        return None
    hours = limit.boost_missed_s / 3600
    return (
        f"what was taken from {asked.change.target} before was missed: it stays "
        f"for {hours:.0f} h, or until a person says homeostat resume {asked.plan.issue_id}"
    )


CALM: Final[tuple[Guard, ...]] = (all_is_well, still_boosted, not_missed)
