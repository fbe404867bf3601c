"""Decoded trace requests to rows of knowledge.schemas.SPANS."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import SPANS
from receiver.attributes import Picker
from receiver.flat import (
    Rows,
    as_label,
    count,
    flatten,
    ids,
    keep_usable,
    only_ids,
    text,
    times,
    within,
)
from receiver.semconv import GRPC_CODES, GRPC_SERVER_FAULTS, SPAN_MEANINGS

_SERVER: Final = 2
_CLIENT: Final = 3
_PRODUCER: Final = 4
_KIND_MAX: Final = 5
_STATUS_ERROR: Final = 2
_HTTP_CLIENT_FAULT: Final = 400
_HTTP_SERVER_FAULT: Final = 500
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_SPANS: Final = Picker.of(SPAN_MEANINGS)
_GRPC_SERVER_FAULTS: Final = pa.array(
    [GRPC_CODES.index(name) for name in GRPC_SERVER_FAULTS], pa.int16()
)


def span_rows(decoded: pa.RecordBatch) -> Rows:
    """Return the spans of `decoded`, one row of it a request."""
    flat = flatten(decoded.column("resource_spans"), "scope_spans", "spans")
    spans = flat.items
    picked = _SPANS.pick(spans.field("attributes"))
    kind = within(spans.field("kind"), _KIND_MAX)
    start = times(spans.field("start_time_unix_nano"))
    end = times(spans.field("end_time_unix_nano"))
    backwards = pc.greater(start, end)
    columns = {
        "trace_id": spans.field("trace_id"),
        "span_id": spans.field("span_id"),
        "parent_span_id": only_ids(spans.field("parent_span_id"), _SPAN_ID_BYTES),
        "start_unix_ns": pc.if_else(backwards, end, start),
        "end_unix_ns": end,
        "kind": kind,
        "name": text(spans.field("name")),
        "is_error": _is_error(kind, _status(spans), picked["http_status"], picked["grpc_code"]),
        "peer": as_label(_peer(kind, picked["peer"])),
        **flat.labels(),
    }
    tests = (
        ("invalid trace id", ids(columns["trace_id"], _TRACE_ID_BYTES)),
        ("invalid span id", ids(columns["span_id"], _SPAN_ID_BYTES)),
        ("no start or end time", pc.and_(pc.greater(start, 0), pc.greater(end, 0))),
    )
    batch, rejected = keep_usable(columns, SPANS, flat, tests, len(decoded))
    return Rows(
        batch=batch,
        rejected=rejected,
        repaired={"negative_duration": count(backwards)},
    )


def _status(spans: pa.StructArray) -> pa.BooleanArray:
    """Return which spans say themselves that they failed."""
    status = spans.field("status")
    failed = pc.equal(status.field("code"), _STATUS_ERROR)
    return pc.and_(failed, pc.is_valid(status)) if status.null_count else failed


def _is_error(
    kind: pa.UInt8Array, status: pa.BooleanArray, http: pa.Int16Array, grpc: pa.Int16Array
) -> pa.BooleanArray:
    """Return which spans are failures of the one who served (or, for a client, of the call).

    Codes are believed before the status, since instrumentations set it for codes that are the
    caller's fault: 4xx and NOT_FOUND must not page the owner of a server. A client's HTTP call
    failed when its span says so, its gRPC call when the code is not OK.
    Source: semantic conventions, http-spans.md and rpc/grpc.md.
    """
    error = status
    server = pc.equal(kind, _SERVER)
    if http.null_count < len(http):
        fault = pc.greater_equal(http, _HTTP_SERVER_FAULT)
        caller = pc.and_(pc.greater_equal(http, _HTTP_CLIENT_FAULT), pc.invert(fault))
        judged = pc.and_not(pc.or_(error, fault), caller)
        error = pc.if_else(pc.and_(server, pc.is_valid(http)), judged, error)
    if grpc.null_count < len(grpc):
        told = pc.is_valid(grpc)
        fault = pc.is_in(grpc, value_set=_GRPC_SERVER_FAULTS)
        error = pc.if_else(pc.and_(server, told), fault, error)
        client = pc.and_(pc.equal(kind, _CLIENT), told)
        error = pc.if_else(client, pc.not_equal(grpc, 0), error)
    return error


def _peer(kind: pa.UInt8Array, peer: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return the callee's name on the spans of callers; on a server's span it is its own."""
    caller = pc.or_(pc.equal(kind, _CLIENT), pc.equal(kind, _PRODUCER))
    indices = pc.if_else(caller, peer.indices, pa.scalar(None, pa.int32()))
    return pa.DictionaryArray.from_arrays(indices, peer.dictionary)
