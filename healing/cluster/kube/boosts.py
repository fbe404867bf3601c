"""Boosts as they are written on objects: what was added, what was there before, until when."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from healing.cluster.kube.names import BOOST
from knowledge.cluster import Boost


class _Note(msgspec.Struct):
    id: str
    of: str
    before: int | None
    after: int
    since: datetime
    expires: datetime


def boost_of(annotations: Mapping[str, str]) -> Boost | None:
    """Return the boost that an object carries; None for none, or for one that cannot be read."""
    try:
        note = msgspec.json.decode(annotations.get(BOOST, "null"), type=_Note | None)
    except msgspec.DecodeError:
        return None
    if note is None or note.of not in {"replicas", "floor"}:
        return None
    return Boost(
        action_id=note.id,
        of="floor" if note.of == "floor" else "replicas",
        before=note.before,
        after=note.after,
        since_unix_ns=int(note.since.timestamp()) * 10**9,
        expires_unix_ns=int(note.expires.timestamp()) * 10**9,
    )


def boost_note(boost: Boost) -> str:
    """Return the annotation that says it."""
    note = _Note(
        id=boost.action_id,
        of=boost.of,
        before=boost.before,
        after=boost.after,
        since=_time(boost.since_unix_ns),
        expires=_time(boost.expires_unix_ns),
    )
    return msgspec.json.encode(note).decode()


def _time(unix_ns: int) -> datetime:
    return datetime.fromtimestamp(unix_ns // 10**9, UTC)
