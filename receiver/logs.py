"""Decoded log requests to rows of knowledge.schemas.LOGS."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import LOGS
from receiver.attributes import Picked, Picker
from receiver.flat import Rows, Times, constant_label, flatten, keep_usable, only_ids, times, within
from receiver.kubernetes_events import RECORD_MEANINGS, Event, events_of, text_meaning
from receiver.nesting import Bytes
from receiver.principals import Principal
from receiver.projection.common_pb2 import AnyValue
from receiver.templates import TEMPLATE_CHARS, templates

_SEVERITY_MAX: Final = 24
_SEVERITIES: Final = {
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "INFORMATION": 9,
    "NOTICE": 10,
    "WARN": 13,
    "WARNING": 13,
    "ERROR": 17,
    "CRITICAL": 18,
    "FATAL": 21,
    "EMERGENCY": 21,
}
"""What the usual words mean in OTLP's numbers, for senders that give the word only."""

_ERROR: Final = _SEVERITIES["ERROR"]
_WORD_BYTES_MAX: Final = 16
"""No word of the list is longer; a hostile text is not worth decoding."""
_RECORDS: Final = Picker.of(
    (
        *RECORD_MEANINGS,
        text_meaning("exception", "exception.type"),
        text_meaning("message", "exception.message"),
    )
)
_EVENT_COLUMNS: Final = ("reason", "object_namespace", "object_kind", "object_name")


def log_rows(decoded: pa.RecordBatch, principals: Sequence[Principal]) -> Rows:
    """Return the log records of `decoded`, one row of it a request of one of `principals`."""
    flat = flatten(decoded.column("resource_logs"), "scope_logs", "log_records", principals)
    records = flat.items
    happened = times(records.field("time_unix_nano"))
    observed = times(records.field("observed_time_unix_nano"))
    picked = _RECORDS.pick(records.field("attributes"))
    events = events_of(flat, picked)
    time = _with_own_times(np.where(happened == 0, observed, happened), events)
    columns = {
        "time_unix_ns": time,
        "severity": _severity(records, picked["exception"], events),
        "template": _templates(records.field("body"), picked, events),
        "trace_id": only_ids(records.field("trace_id"), 16),
        "span_id": only_ids(records.field("span_id"), 8),
        **_event_columns(events, len(records)),
        **flat.labels(),
    }
    tests = (("no time", time > 0),)
    return keep_usable(columns, LOGS, flat, tests, len(decoded))


def _with_own_times(time: Times, events: Mapping[int, Event]) -> Times:
    """Return the times, of events that tell it when they happened: never after they were seen."""
    found = time.copy()
    for place, event in events.items():
        if event.time_unix_ns:
            seen = int(time[place]) or event.time_unix_ns
            found[place] = min(seen, event.time_unix_ns)
    return found


def _severity(records: pa.StructArray, exception: Picked, events: Mapping[int, Event]) -> Bytes:
    """Return the severity's number, from its word where no number is given; else of what it is."""
    numbers = within(records.field("severity_number"), _SEVERITY_MAX)
    unset = numbers == 0
    if not unset.any():
        return numbers
    words = records.field("severity_text").dictionary_encode()
    meant = [
        _SEVERITIES.get(word.decode("utf-8", "replace").upper(), 0)
        if len(word) <= _WORD_BYTES_MAX
        else 0
        for word in words.dictionary.to_pylist()
    ]
    found: Bytes = np.where(unset, np.array(meant, np.uint8)[words.indices.to_numpy()], numbers)
    found[(found == 0) & exception.told] = _ERROR
    for place, event in events.items():
        found[place] = found[place] or event.severity
    return found


def _templates(
    bodies: pa.BinaryArray, picked: Mapping[str, Picked], events: Mapping[int, Event]
) -> pa.DictionaryArray:
    """Return what records say; an exception or an event says first which one it is."""
    exception, message = picked["exception"], picked["message"]
    if not exception.told.any() and not events:
        return templates(bodies)
    said = bodies.to_pylist()
    first = [""] * len(said)
    for place in np.flatnonzero(exception.told).tolist():
        first[place] = exception.words[exception.values[place]][:TEMPLATE_CHARS] + ": "
        if not said[place] and message.told[place]:
            text = message.words[message.values[place]]
            said[place] = AnyValue(string_value=text.encode()).SerializeToString()
    for place, event in events.items():
        first[place] = f"{event.reason[:TEMPLATE_CHARS]}: "
        if event.message is not None:
            said[place] = AnyValue(string_value=event.message.encode()).SerializeToString()
    template = templates(pa.array(said, pa.binary())).cast(pa.string())
    joined = pc.binary_join_element_wise(pa.array(first, pa.string()), template, "")
    return pc.utf8_slice_codeunits(joined, 0, TEMPLATE_CHARS).dictionary_encode()


def _event_columns(events: Mapping[int, Event], rows: int) -> dict[str, pa.DictionaryArray]:
    """Return the columns that only events have."""
    if not events:
        return {name: constant_label("", rows) for name in _EVENT_COLUMNS}
    nothing = Event(namespace="", kind="", name="", reason="")
    found = [events.get(place, nothing) for place in range(rows)]
    texts = (
        [event.reason for event in found],
        [event.namespace for event in found],
        [event.kind for event in found],
        [event.name for event in found],
    )
    return {
        name: pa.array(text, pa.string()).dictionary_encode()
        for name, text in zip(_EVENT_COLUMNS, texts, strict=True)
    }
