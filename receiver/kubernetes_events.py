"""Events of Kubernetes among log records, as the two receivers of the Collector send them.

`k8s_events` writes the reason as an attribute, the message as the body and the object into the
resource; `k8s_objects` (k8sobjects) puts the whole object into the body.
Source: opentelemetry-collector-contrib, receiver/k8seventsreceiver and receiver/k8sobjectsreceiver.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from receiver.attributes import Picked, Picker
from receiver.flat import Flat
from receiver.nesting import Mask
from receiver.projection.common_pb2 import AnyValue, KeyValue, KeyValueList
from receiver.semconv import Meaning, read_text

BODIES_READ_MAX: Final = 1_000
"""Bodies of a batch that are read as objects; of more, the rest are records like any other."""
_WORD_CHARS_MAX: Final = 253
"""Kubernetes has no longer name."""
WARNING: Final = 13
_NORMAL: Final = 9
_DELETED: Final = "DELETED"
_TIMES: Final = ("lastTimestamp", "deprecatedLastTimestamp", "eventTime")
"""Of both APIs, v1 and events.k8s.io/v1."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(2200, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def text_meaning(column: str, *keys: str) -> Meaning:
    """Return a meaning whose values are texts."""
    return Meaning(column=column, type=pa.string(), keys=keys, read=read_text)


RECORD_MEANINGS: Final = (
    text_meaning("reason", "k8s.event.reason"),
    text_meaning("event_namespace", "k8s.namespace.name"),
    text_meaning("resource", "k8s.resource.name"),
)
_OBJECT: Final = Picker.of(
    (text_meaning("kind", "k8s.object.kind"), text_meaning("name", "k8s.object.name"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: what happened to what."""

    namespace: str
    kind: str
    name: str
    reason: str
    message: str | None = None
    """Where the body is more than the message."""

    severity: int = 0
    time_unix_ns: int = 0
    """When it happened last, by its own word; 0: not told."""


def events_of(flat: Flat, picked: Mapping[str, Picked]) -> dict[int, Event]:
    """Return the events among log records, by their place."""
    found: dict[int, Event] = {}
    if picked["reason"].told.any():
        found |= _told_by_attributes(flat, picked)
    is_object = picked["resource"].told & _says(picked["resource"], "events")
    bodies = flat.items.field("body")
    for place in np.flatnonzero(is_object)[:BODIES_READ_MAX].tolist():
        event = _of_object(bodies[place].as_py())
        if event is not None:
            found[place] = event
    return found


def _says(picked: Picked, word: str) -> Mask:
    found: Mask = picked.values == (picked.words.index(word) if word in picked.words else -1)
    return found


def _told_by_attributes(flat: Flat, picked: Mapping[str, Picked]) -> dict[int, Event]:
    subject = _OBJECT.pick(flat.resource_attributes)
    found = {}
    for place in np.flatnonzero(picked["reason"].told).tolist():
        resource = int(flat.resource_of[place])
        found[place] = Event(
            namespace=_word(picked["event_namespace"], place),
            kind=_word(subject["kind"], resource),
            name=_word(subject["name"], resource),
            reason=_word(picked["reason"], place),
        )
    return found


def _word(picked: Picked, place: int) -> str:
    return picked.words[picked.values[place]][:_WORD_CHARS_MAX] if picked.told[place] else ""


def _of_object(body: bytes) -> Event | None:
    """Read what `kubectl get events -o json` would show, or a watch's envelope around it.

    An event that is deleted has expired, an hour after it happened: that is nothing new.
    """
    entries = _entries(_value(body))
    if "object" in entries:
        if _text(entries, "type") == _DELETED:
            return None
        entries = _entries(entries["object"])
    if _text(entries, "kind") != "Event" or not _text(entries, "reason"):
        return None
    about = _entries(entries.get("regarding") or entries.get("involvedObject"))
    return Event(
        namespace=_text(about, "namespace"),
        kind=_text(about, "kind"),
        name=_text(about, "name"),
        reason=_text(entries, "reason"),
        message=_text(entries, "note") or _text(entries, "message"),
        severity=WARNING if _text(entries, "type") == "Warning" else _NORMAL,
        time_unix_ns=_last_time(entries),
    )


def _last_time(entries: Mapping[str, AnyValue]) -> int:
    """Return the newest of the times that an event tells of: it may stand for a series."""
    told = [_text(entries, key) for key in _TIMES]
    told.append(_text(_entries(entries.get("series")), "lastObservedTime"))
    return max(map(_unix_ns, told))


def _unix_ns(told: str) -> int:
    """Read a time of Kubernetes (RFC 3339, UTC); 0: it is none."""
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        return 0
    if found.tzinfo is None or not _EPOCH <= found < _END:
        return 0
    return (found - _EPOCH) // _MICROSECOND * 1000


def _value(raw: bytes) -> AnyValue | None:
    try:
        return AnyValue.FromString(raw)
    except DecodeError:
        return None


def _entries(value: AnyValue | None) -> dict[str, AnyValue]:
    """Return the entries of a map, one level of it; of what is none, none."""
    if value is None or value.WhichOneof("value") != "kvlist_value":
        return {}
    try:
        pairs = [
            KeyValue.FromString(raw) for raw in KeyValueList.FromString(value.kvlist_value).values
        ]
    except DecodeError:
        return {}
    return {pair.key.decode("utf-8", "replace"): pair.value for pair in pairs}


def _text(entries: Mapping[str, AnyValue], key: str) -> str:
    value = entries.get(key)
    return (read_text(value) or "")[:1024] if value is not None else ""
