"""Parcels of the twin to the rows that a receiver makes of them, spans and logs without OTLP.

A test holds these rows against those of the real way: encoded, then decoded by the receiver.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from knowledge.schemas import LABEL, LOGS, SPANS, Signal
from receiver.decode import decode
from receiver.templates import templates
from twin.otlp import SERVER_PORT, Encoder
from twin.telemetry import LogRecord, Parcel, Source

KIND: Final = {"server": 2, "client": 3}
SEVERITY: Final = {"INFO": 9, "ERROR": 17}
_EVENT: Final = ("reason", "object_namespace", "object_kind", "object_name")
_ITEMS_MAX: Final = 200_000
_STRING_TAG: Final = b"\x0a"
_RESOURCE: Final = ("namespace", "service", "version", "pod", "pod_uid")
_SENDER: Final = {"principal": "", "is_verified": False}
"""Nobody is asked who they are."""


def tables(parcels: Iterable[Parcel]) -> Iterator[tuple[Signal, pa.Table]]:
    """Yield the rows of each signal that the parcels hold."""
    parcels = tuple(parcels)
    if any(parcel.spans for parcel in parcels):
        yield "traces", _spans(parcels)
    if any(parcel.samples for parcel in parcels):
        yield "metrics", _metrics(parcels)
    if any(parcel.logs for parcel in parcels):
        yield "logs", _logs(parcels)


def _spans(parcels: tuple[Parcel, ...]) -> pa.Table:
    records = [span for parcel in parcels for span in parcel.spans]
    shapes = [span.shape for span in records]
    columns: dict[str, list[Any]] = {
        "trace_id": [span.trace_id for span in records],
        "span_id": [span.span_id for span in records],
        "parent_span_id": [span.parent_span_id for span in records],
        "start_unix_ns": [span.start_unix_ns for span in records],
        "end_unix_ns": [span.end_unix_ns for span in records],
        "kind": [KIND[shape.kind] for shape in shapes],
        "name": [
            shape.operation if shape.kind == "server" else shape.operation.partition(" ")[0]
            for shape in shapes
        ],
        "is_error": [bool(shape.error_type) for shape in shapes],
        "is_answered": [shape.kind == "client" and shape.status_code > 0 for shape in shapes],
        "peer": [shape.peer for shape in shapes],
        "address": [f"{shape.peer}:{SERVER_PORT}" if shape.peer else "" for shape in shapes],
        **_resources((parcel.source, len(parcel.spans)) for parcel in parcels),
    }
    return _table(SPANS, columns)


def _metrics(parcels: tuple[Parcel, ...]) -> pa.Table:
    """Points are few, and their streams have an identity that only what is sent tells."""
    samples = [replace(parcel, spans=(), logs=()) for parcel in parcels if parcel.samples]
    bodies = [export.message.SerializeToString() for export in Encoder().exports(samples)]
    return pa.Table.from_batches([decode("metrics", bodies, items_max=_ITEMS_MAX).rows])


def _logs(parcels: tuple[Parcel, ...]) -> pa.Table:
    records = [record for parcel in parcels for record in parcel.logs]
    bodies = pa.array([_any_value(record) for record in records], pa.binary())
    columns: dict[str, Any] = {
        "time_unix_ns": [record.time_unix_ns for record in records],
        "severity": [SEVERITY[record.severity] for record in records],
        "template": templates(bodies),
        **{name: [""] * len(records) for name in _EVENT},
        "trace_id": [record.trace_id for record in records],
        "span_id": [record.span_id for record in records],
        **_resources((parcel.source, len(parcel.logs)) for parcel in parcels),
    }
    return _table(LOGS, columns)


def _any_value(record: LogRecord) -> bytes:
    text = record.body.encode()
    size = len(text)
    varint = bytearray()
    while size > 0x7F:
        varint.append(size & 0x7F | 0x80)
        size >>= 7
    return _STRING_TAG + bytes([*varint, size]) + text


def _resources(counts: Iterable[tuple[Source, int]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in (*_RESOURCE, *_SENDER)}
    for source, count in counts:
        for name in _RESOURCE:
            columns[name] += [getattr(source, name)] * count
        for name, value in _SENDER.items():
            columns[name] += [value] * count
    return columns


def _table(schema: pa.Schema, columns: dict[str, Any]) -> pa.Table:
    arrays = []
    for field in schema:
        values = columns[field.name]
        if field.type == LABEL:
            column = values if isinstance(values, pa.DictionaryArray) else pa.array(values)
            arrays.append(column if column.type == LABEL else column.dictionary_encode())
        else:
            arrays.append(values if isinstance(values, pa.Array) else pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
