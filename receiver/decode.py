"""Export requests to rows: the check, the decoding of many at once, and the search for a culprit.

Each request is parsed with protobuf against the projection's outline first. That refuses what
would crash ptars (nested unknown groups overflow its stack, a length that wraps makes it panic), at
a fifth of its cost. Then all requests of a signal are decoded in one call. If that still fails they
are decoded one by one, so that a bad request fails alone.
"""

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ptars
import pyarrow as pa
from google.protobuf.message import DecodeError, Message

from knowledge.schemas import ROWS, Signal, conform
from receiver.flat import Rows
from receiver.logs import log_rows
from receiver.metrics import metric_rows
from receiver.principals import NOBODY, Principal
from receiver.projection import logs_pb2, metrics_pb2, outline_pb2, trace_pb2
from receiver.refusal import Refusal
from receiver.spans import span_rows
from receiver.top_services import Service
from receiver.wire import count_items

COUNT_ON_WIRE_FROM_BYTES: Final = 4 * 2**20
"""Requests beyond gRPC's usual limit are counted before they are parsed. Below it the worst request
costs a few hundred MB for a moment, and counting would cost an honest one 15 % more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How the requests of one signal are built, and what makes rows of them."""

    message: type[Message]
    outline: type[Message]
    fields: tuple[str, str, str]
    """The lists of resources, of scopes and of items."""

    path: tuple[frozenset[int], ...]
    """The same as field numbers, down to what becomes a row."""

    rows: Callable[[pa.RecordBatch, Sequence[Principal]], Rows]


_FORMS: Final[dict[Signal, _Form]] = {
    "traces": _Form(
        message=trace_pb2.TracesData,
        outline=outline_pb2.TracesOutline,
        fields=("resource_spans", "scope_spans", "spans"),
        path=(frozenset({1}), frozenset({2}), frozenset({2})),
        rows=span_rows,
    ),
    "metrics": _Form(
        message=metrics_pb2.MetricsData,
        outline=outline_pb2.MetricsOutline,
        fields=("resource_metrics", "scope_metrics", "metrics"),
        path=(
            frozenset({1}),
            frozenset({2}),
            frozenset({2}),
            frozenset({5, 7, 9, 10, 11}),
            frozenset({1}),
        ),
        rows=metric_rows,
    ),
    "logs": _Form(
        message=logs_pb2.LogsData,
        outline=outline_pb2.LogsOutline,
        fields=("resource_logs", "scope_logs", "log_records"),
        path=(frozenset({1}), frozenset({2}), frozenset({2})),
        rows=log_rows,
    ),
}
_POOL: Final = ptars.HandlerPool(
    [trace_pb2.DESCRIPTOR, metrics_pb2.DESCRIPTOR, logs_pb2.DESCRIPTOR],
    config=ptars.PtarsConfig(list_value_nullable=True),
)
_HANDLERS: Final = {
    signal: _POOL.get_for_message(form.message.DESCRIPTOR) for signal, form in _FORMS.items()
}


_Sent = tuple[bytes, Principal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a batch of requests became."""

    rows: pa.RecordBatch
    """In the schema of the signal."""

    outcomes: tuple[Mapping[str, int] | Refusal, ...]
    """Per request: its rejected items by reason (empty: all was kept), or why it is refused."""

    items: tuple[int, ...]
    """Per request how many spans, points or records it has; 0 where it was refused uncounted."""

    repaired: Mapping[str, int]
    """Items that were kept with a change, by what was changed."""

    rejected_of: Mapping[Service, int]
    """Items that cannot be used, by their service."""


def decode(
    signal: Signal,
    bodies: Sequence[bytes],
    *,
    items_max: int,
    principals: Sequence[Principal] = (),
) -> Decoded:
    """Decode requests of one signal together; a bad one is refused alone.

    `principals`: per request who sent it; nobody is named where it is left out.
    """
    sent = list(zip(bodies, principals or [NOBODY] * len(bodies), strict=True))
    checked = [_check(_FORMS[signal], body, items_max) for body in bodies]
    good = [index for index, found in enumerate(checked) if isinstance(found, int)]
    rows, refused = _rows_or_culprits(signal, [sent[index] for index in good])
    outcomes: list[Mapping[str, int] | Refusal] = [
        {} if isinstance(found, int) else found for found in checked
    ]
    for index, refusal in zip(good, refused, strict=True):
        outcomes[index] = refusal or {}
    kept = [index for index, refusal in zip(good, refused, strict=True) if refusal is None]
    for index, rejected in zip(kept, rows.rejected, strict=True):
        outcomes[index] = rejected
    return Decoded(
        rows=rows.batch,
        outcomes=tuple(outcomes),
        items=tuple(found if isinstance(found, int) else 0 for found in checked),
        repaired=rows.repaired,
        rejected_of=rows.rejected_of,
    )


def _check(form: _Form, body: bytes, items_max: int) -> int | Refusal:
    """Count the items; refuse what is not protobuf, or has too many to build columns of."""
    count = items = 0
    if len(body) > COUNT_ON_WIRE_FROM_BYTES:
        count = count_items(body, form.path, items_max)
    if count <= items_max:
        try:
            count, items = _count(form.outline.FromString(body), form.fields, items_max)
        except DecodeError as error:
            return Refusal(reason="malformed", message=f"not an OTLP request: {error}")
    if count > items_max:
        return Refusal(
            reason="too_many_items",
            message=f"more than {items_max} items in one request (receiver.items_per_request_max)",
        )
    return items


def _count(request: Any, fields: tuple[str, str, str], most: int) -> tuple[int, int]:
    """Return how many there are of all, with resources, scopes and metrics, and of items alone.

    It stops beyond `most`.
    """
    resources, scopes, items = fields
    groups = getattr(request, resources)
    total, count = len(groups), 0
    for group in groups if total <= most else ():
        for scope in getattr(group, scopes):
            found = getattr(scope, items)
            total += 1 + len(found)
            if total > most:
                return total, count
            if items == "metrics":
                points = sum(map(_point_count, found))
                total += points
                count += points
            else:
                count += len(found)
    return total, count


def _point_count(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _rows_or_culprits(
    signal: Signal, sent: Sequence[_Sent]
) -> tuple[Rows, Sequence[Refusal | None]]:
    """Return the rows of the requests that can be decoded, and a refusal for each that cannot."""
    rows, refusal = _attempt(signal, sent)
    if rows is not None:
        return rows, [None] * len(sent)
    alone = [_attempt(signal, [one])[1] for one in sent] if len(sent) > 1 else [refusal]
    innocent = [one for one, refusal in zip(sent, alone, strict=True) if refusal is None]
    rows, refusal = _attempt(signal, innocent)
    if rows is not None:
        return rows, alone
    return _rows(signal, []), [one or refusal for one in alone]


def _attempt(signal: Signal, sent: Sequence[_Sent]) -> tuple[Rows | None, Refusal | None]:
    try:
        return _rows(signal, sent), None
    except ValueError as error:
        return None, Refusal(reason="malformed", message=f"cannot be decoded: {error}")
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of ptars; derives from BaseException
            return None, Refusal(reason="malformed", message="cannot be decoded")
        if not isinstance(error, Exception):
            raise
        traceback.print_exc(file=sys.stderr)
        return None, Refusal(reason="broken", message="the receiver failed on this request")


def _rows(signal: Signal, sent: Sequence[_Sent]) -> Rows:
    columns = _HANDLERS[signal].list_to_record_batch([body for body, _ in sent])
    rows = _FORMS[signal].rows(columns, [principal for _, principal in sent])
    conform(rows.batch.schema, ROWS[signal], f"decoded {signal}")
    return rows
