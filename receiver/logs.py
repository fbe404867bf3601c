"""Decoded log requests to rows of knowledge.schemas.LOGS."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from knowledge.schemas import LOGS
from receiver.flat import Rows, flatten, keep_usable, only_ids, text, times, within
from receiver.nesting import Bytes
from receiver.principals import Principal
from receiver.templates import templates

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

_WORD_BYTES_MAX: Final = 16
"""No word of the list is longer; a hostile text is not worth decoding."""


def log_rows(decoded: pa.RecordBatch, principals: Sequence[Principal]) -> Rows:
    """Return the log records of `decoded`, one row of it a request of one of `principals`."""
    flat = flatten(decoded.column("resource_logs"), "scope_logs", "log_records", principals)
    records = flat.items
    happened = times(records.field("time_unix_nano"))
    observed = times(records.field("observed_time_unix_nano"))
    time = np.where(happened == 0, observed, happened)
    columns = {
        "time_unix_ns": time,
        "severity": _severity(records),
        "event_name": text(records.field("event_name")),
        "body": records.field("body"),
        "template": templates(records.field("body")),
        "trace_id": only_ids(records.field("trace_id"), 16),
        "span_id": only_ids(records.field("span_id"), 8),
        **flat.labels(),
    }
    tests = (("no time", time > 0),)
    return keep_usable(columns, LOGS, flat, tests, len(decoded))


def _severity(records: pa.StructArray) -> Bytes:
    """Return the severity's number, from its word where no number is given."""
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
    return np.where(unset, np.array(meant, np.uint8)[words.indices.to_numpy()], numbers)
