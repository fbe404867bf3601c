"""The stop figures: how often, how many, how much at once."""

from typing import Final

from healing.guards.asked import Asked, Guard

HOUR_S: Final = 3600.0


def target_cooldown(asked: Asked) -> str | None:
    """One action on a target at a time, its effect seen before the next."""
    window_s = asked.settings.target_cooldown_s
    spent = asked.ledger.spent(
        since_unix_ns=asked.since(window_s), target=asked.change.target, but=asked.intent_id
    )
    if not spent:
        return None
    age_s = (asked.situation.now_unix_ns - spent[-1].intent.created_unix_ns) / 1e9
    return f"{asked.change.target} was acted on {age_s:.0f} s ago, wait {window_s:.0f} s"


def target_disruption(asked: Asked) -> str | None:
    """Pods that were replaced often enough need a person."""
    if asked.change.kind in {"scale", "set_floor"}:
        return None
    limit = asked.settings.target_disruptive_max
    window_s = asked.settings.target_disruptive_window_s
    since = asked.since(window_s)
    entries = asked.ledger.spent(
        since_unix_ns=since, target=asked.change.target, but=asked.intent_id
    )
    count = sum(entry.is_disruptive for entry in entries)
    if count < limit:
        return None
    return f"{count} disruptive actions on {asked.change.target} in {window_s:.0f} s: ask a person"


def failed_tries(asked: Asked) -> str | None:
    """A write that is refused or fails again and again is for a person to look at."""
    window_s, limit = asked.settings.target_cooldown_s, asked.settings.failed_tries_max
    count = asked.ledger.tries(
        asked.change.target, since_unix_ns=asked.since(window_s), but=asked.intent_id
    )
    if count < limit:
        return None
    return f"{count} writes to {asked.change.target} came to nothing in {window_s:.0f} s"


def breaker(asked: Asked) -> str | None:
    """What did not help twice in a row will not help the third time."""
    limit, open_s = asked.settings.breaker_count, asked.settings.breaker_s
    entries = asked.ledger.spent(
        since_unix_ns=asked.since(open_s), target=asked.change.target, but=asked.intent_id
    )
    last = [entry.verdict for entry in entries][-limit:]
    if len(last) < limit or not all(verdict in {"unchanged", "worse"} for verdict in last):
        return None
    return f"the last {limit} actions on {asked.change.target} did not help"


def namespace_budget(asked: Asked) -> str | None:
    """So many actions in a namespace and no more."""
    namespace, limit = asked.change.target.namespace, asked.settings.namespace_count_max
    since = asked.since(asked.settings.namespace_window_s)
    entries = asked.ledger.spent(since_unix_ns=since, namespace=namespace, but=asked.intent_id)
    if len(entries) < limit:
        return None
    return (
        f"{len(entries)} actions in namespace {namespace} "
        f"in {asked.settings.namespace_window_s:.0f} s"
    )


def cluster_budget(asked: Asked) -> str | None:
    """So many actions in the cluster and no more."""
    entries = asked.ledger.spent(since_unix_ns=asked.since(HOUR_S), but=asked.intent_id)
    if len(entries) < asked.settings.cluster_count_max:
        return None
    return f"{len(entries)} actions in the cluster in an hour"


def in_flight(asked: Asked) -> str | None:
    """The verdict on the last action is in."""
    if asked.in_flight < asked.settings.in_flight_max:
        return None
    return f"{asked.in_flight} action(s) await their verdict"


def blast_radius(asked: Asked) -> str | None:
    """Only a small part of what is opted in is touched within an hour."""
    cluster = asked.situation.cluster
    opted_in = sum(w.is_opted_in for w in cluster.workloads) if cluster else 0
    limit = max(asked.settings.blast_count_min, int(asked.settings.blast_ratio_max * opted_in))
    entries = asked.ledger.spent(since_unix_ns=asked.since(HOUR_S), but=asked.intent_id)
    touched = {entry.intent.change.target for entry in entries}
    if len(touched | {asked.change.target}) <= limit:
        return None
    return f"{len(touched)} of {opted_in} opted-in workloads were touched in an hour"


def oscillation(asked: Asked) -> str | None:
    """What we did to the target was not turned round again and again: we may be the illness."""
    limit, window_s = asked.settings.oscillation_count, asked.settings.oscillation_s
    count = asked.ledger.reversals(asked.change.target, since_unix_ns=asked.since(window_s))
    if count < limit:
        return None
    return f"{count} reversals at {asked.change.target} in {window_s:.0f} s: it swings"


def stop_rule(asked: Asked) -> str | None:
    """So many actions on one issue and no more: what is left to do is for a person."""
    limit = asked.settings.issue_count_max
    tried = [
        entry
        for entry in asked.ledger.tried(asked.plan.issue_id, since_unix_ns=asked.resumed_unix_ns)
        if entry.intent.id != asked.intent_id
    ]
    return None if len(tried) < limit else f"{len(tried)} actions did not end the issue"


def not_escalated(asked: Asked) -> str | None:
    """The issue was not handed to a person."""
    given = asked.escalation
    if given is None or not given.stops:
        return None
    return f"handed to a person: {given.reason}; homeostat resume {given.issue_id}"


BUDGETS: Final[tuple[Guard, ...]] = (
    not_escalated,
    in_flight,
    oscillation,
    stop_rule,
    target_cooldown,
    target_disruption,
    failed_tries,
    breaker,
    namespace_budget,
    cluster_budget,
    blast_radius,
)
