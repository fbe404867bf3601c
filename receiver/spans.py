"""Decoded trace requests to rows of knowledge.schemas.SPANS."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa

from knowledge.schemas import SPANS
from receiver.addresses import called_address
from receiver.attributes import Picked, Picker
from receiver.flat import (
    Rows,
    flatten,
    ids,
    keep_usable,
    only_ids,
    text,
    times,
    within,
)
from receiver.nesting import Bytes, Mask
from receiver.outcomes import failures
from receiver.principals import Principal
from receiver.requests import kinds
from receiver.semconv import GRPC_CODES, SPAN_MEANINGS

_CLIENT: Final = 3
_PRODUCER: Final = 4
_KIND_MAX: Final = 5
_STATUS_ERROR: Final = 2
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_SPANS: Final = Picker.of(SPAN_MEANINGS)
_MADE_BY_THE_CALLER: Final = [
    GRPC_CODES.index(name) for name in ("CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE")
]


def span_rows(decoded: pa.RecordBatch, principals: Sequence[Principal]) -> Rows:
    """Return the spans of `decoded`, one row of it a request of one of `principals`."""
    flat = flatten(decoded.column("resource_spans"), "scope_spans", "spans", principals)
    spans = flat.items
    picked = _SPANS.pick(spans.field("attributes"))
    kind = within(spans.field("kind"), _KIND_MAX)
    start = times(spans.field("start_time_unix_nano"))
    end = times(spans.field("end_time_unix_nano"))
    backwards = start > end
    names = text(spans.field("name"))
    requests = kinds(kind, names, picked["http_status"], start, end)
    columns = {
        "trace_id": spans.field("trace_id"),
        "span_id": spans.field("span_id"),
        "parent_span_id": only_ids(spans.field("parent_span_id"), _SPAN_ID_BYTES),
        "start_unix_ns": np.minimum(start, end),
        "end_unix_ns": end,
        "kind": requests,
        "name": names,
        "is_error": failures(kind, _status(spans), picked["http_status"], picked["grpc_code"]),
        "is_answered": _is_answered(kind, picked["http_status"], picked["grpc_code"]),
        "peer": picked["peer"].label((kind == _CLIENT) | (kind == _PRODUCER)),
        "address": called_address(
            picked["upstream"], picked["peer_host"], picked["peer_port"]
        ).label(kind == _CLIENT),
        **flat.labels(),
    }
    tests = (
        ("invalid trace id", ids(columns["trace_id"], _TRACE_ID_BYTES)),
        ("invalid span id", ids(columns["span_id"], _SPAN_ID_BYTES)),
        ("no start or end time", (start > 0) & (end > 0)),
    )
    rows = keep_usable(columns, SPANS, flat, tests, len(decoded))
    return replace(rows, repaired={"negative_duration": int(backwards.sum())})


def _status(spans: pa.StructArray) -> Mask:
    """Return which spans say themselves that they failed."""
    status = spans.field("status")
    failed: Mask = status.field("code").to_numpy(zero_copy_only=False) == _STATUS_ERROR
    if status.null_count:
        failed &= status.is_valid().to_numpy(zero_copy_only=False)
    return failed


def _is_answered(kind: Bytes, http: Picked, grpc: Picked) -> Mask:
    """Return which calls tell the code of an answer: somebody was there, whatever he said.

    Three codes of gRPC say nothing of that: the caller's own library makes them up.
    """
    told: Mask = http.told | (grpc.told & ~np.isin(grpc.values, _MADE_BY_THE_CALLER))
    told &= kind == _CLIENT
    return told
