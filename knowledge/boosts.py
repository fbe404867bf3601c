"""How long added room stays, and what it goes back to. Pure."""

from typing import Literal

from knowledge.cluster import Boost, Scale, SetFloor, Workload


def boost_after(
    change: Scale | SetFloor, known: Boost | None, *, action_id: str, at_unix_ns: int
) -> Boost | None:
    """Return the boost that is in force once `change` is made; `known`: the one before.

    A boost on top of another goes back to where the first began. One that somebody has changed
    since is not ours any more, and is forgotten.
    """
    of, before, after = _move(change)
    is_ours = known is not None and known.of == of and known.after == before
    base = known.before if known is not None and is_ours else before
    if after is None or after <= (base or 0):
        return None
    since = known.since_unix_ns if known is not None and is_ours else at_unix_ns
    if change.boost_s is not None:
        expires = at_unix_ns + int(change.boost_s * 1e9)
    elif known is not None and is_ours:
        expires = known.expires_unix_ns
    else:
        return None
    return Boost(
        action_id=action_id,
        of=of,
        before=base,
        after=after,
        since_unix_ns=since,
        expires_unix_ns=expires,
    )


def end_of(boost: Boost, workload: Workload) -> Scale | SetFloor | None:
    """Return the change that ends a boost; None where what it set is not there any more."""
    scaler = workload.scaler
    if boost.of == "replicas":
        if workload.replicas != boost.after or boost.before is None:
            return None
        return Scale(target=workload.key, replicas=boost.before, replicas_before=boost.after)
    if scaler is None or scaler.floor != boost.after:
        return None
    return SetFloor(
        target=workload.key,
        scaler_kind=scaler.kind,
        scaler_name=scaler.name,
        scaler_uid=scaler.uid,
        floor=boost.before,
        floor_before=boost.after,
    )


def _move(
    change: Scale | SetFloor,
) -> tuple[Literal["replicas", "floor"], int | None, int | None]:
    if isinstance(change, Scale):
        return "replicas", change.replicas_before, change.replicas
    return "floor", change.floor_before, change.floor
