"""Export requests to rows: the check, the decoding of many at once, and the search for a culprit.

Each request is parsed with protobuf against the projection's outline first. That refuses what
would crash ptars (nested unknown groups overflow its stack, a length that wraps makes it panic), at
a fifth of its cost. Then all requests of a signal are decoded in one call. If that still fails they
are decoded one by one, so that a bad request fails alone, and what the fast engine alone does not
manage the reference takes over.
"""

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from google.protobuf.message import DecodeError, Message

from knowledge.schemas import ROWS, Signal, conform
from receiver.engines import UndecodableError, available, columns
from receiver.flat import Rows, concat
from receiver.logs import log_rows
from receiver.metrics import metric_rows
from receiver.principals import NOBODY, Principal
from receiver.projection import outline_pb2
from receiver.refusal import NO_MEMORY, Refusal
from receiver.settings import Engine
from receiver.spans import span_rows
from receiver.top_services import Service
from receiver.wire import count_items

COUNT_ON_WIRE_FROM_BYTES: Final = 4 * 2**20
"""Requests beyond gRPC's usual limit are counted before they are parsed. Below it the worst request
costs a few hundred MB for a moment, and counting would cost an honest one 15 % more."""


_BUCKETS_PER_ITEM: Final = 64
"""So many buckets of an exponential histogram count as one item more; SDKs have up to 160."""
_MORE: Final = 0x80
"""The bit of a varint that says that it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How the requests of one signal are built, and what makes rows of them."""

    outline: type[Message]
    fields: tuple[str, str, str]
    """The lists of resources, of scopes and of items."""

    path: tuple[frozenset[int], ...]
    """The same as field numbers, down to what becomes a row."""

    rows: Callable[[pa.RecordBatch, Sequence[Principal]], Rows]


_FORMS: Final[dict[Signal, _Form]] = {
    "traces": _Form(
        outline=outline_pb2.TracesOutline,
        fields=("resource_spans", "scope_spans", "spans"),
        path=(frozenset({1}), frozenset({2}), frozenset({2})),
        rows=span_rows,
    ),
    "metrics": _Form(
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
        outline=outline_pb2.LogsOutline,
        fields=("resource_logs", "scope_logs", "log_records"),
        path=(frozenset({1}), frozenset({2}), frozenset({2})),
        rows=log_rows,
    ),
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

    by_reference: int = 0
    """Requests that the reference engine decoded."""


def decode(
    signal: Signal,
    bodies: Sequence[bytes],
    *,
    items_max: int,
    principals: Sequence[Principal] = (),
    engine: Engine = "fast",
) -> Decoded:
    """Decode requests of one signal together; a bad one is refused alone.

    `principals`: per request who sent it; nobody is named where it is left out. `engine`: the one
    to try first, if it can be had.
    """
    sent = list(zip(bodies, principals or [NOBODY] * len(bodies), strict=True))
    checked = [_check(_FORMS[signal], body, items_max) for body in bodies]
    good = [index for index, found in enumerate(checked) if isinstance(found, int)]
    rows, refused, by_reference = _rows_or_culprits(
        signal, [sent[index] for index in good], available(engine)
    )
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
        by_reference=by_reference,
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
        except MemoryError:
            return NO_MEMORY
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
                for points, weight in map(_point_counts, found):
                    total += weight
                    count += points
            else:
                count += len(found)
    return total, count


def _point_counts(metric: Any) -> tuple[int, int]:
    """Return how many points there are, and what they count for: many buckets for more than one.

    Raises:
        DecodeError: bucket counts end within a number.
    """
    kind = metric.WhichOneof("data")
    if kind is None:
        return 0, 0
    points = getattr(metric, kind).data_points
    if kind != "exponential_histogram":
        return len(points), len(points)
    packed = [counts for point in points for counts in point.positive.bucket_counts]
    if any(counts and counts[-1] & _MORE for counts in packed):
        raise DecodeError("bucket counts end within a number")
    return len(points), len(points) + sum(map(len, packed)) // _BUCKETS_PER_ITEM


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """Some requests together: their rows, or why there are none."""

    rows: Rows | None = None
    refusal: Refusal | None = None
    is_of_engine: bool = False
    """Whether it was the engine that failed, so that another one may do better."""


def _rows_or_culprits(
    signal: Signal, sent: Sequence[_Sent], engine: Engine
) -> tuple[Rows, Sequence[Refusal | None], int]:
    """Return the rows of the requests that can be decoded, and a refusal for each that cannot.

    The third is how many of them the reference decoded. Where they fail together the rows are those
    of each alone: limits of a batch are no fault of a request that keeps within them.
    """
    together = _attempt(signal, sent, engine)
    if together.rows is not None:
        return together.rows, [None] * len(sent), len(sent) if engine == "reference" else 0
    parts: list[Rows] = []
    refusals: list[Refusal | None] = []
    by_reference = 0
    for one in sent:
        used = engine
        alone = together if len(sent) == 1 else _attempt(signal, [one], used)
        if alone.is_of_engine and used != "reference":
            used = "reference"
            alone = _attempt(signal, [one], used)
        refusals.append(alone.refusal)
        if alone.rows is not None:
            parts.append(alone.rows)
            by_reference += used == "reference"
    return concat(parts or [_rows(signal, [], "reference")]), refusals, by_reference


def _attempt(signal: Signal, sent: Sequence[_Sent], engine: Engine) -> _Attempt:
    try:
        return _Attempt(rows=_rows(signal, sent, engine))
    except MemoryError:
        return _Attempt(refusal=NO_MEMORY)
    except ValueError as error:
        refusal = Refusal(reason="malformed", message=f"cannot be decoded: {error}")
        return _Attempt(refusal=refusal, is_of_engine=isinstance(error, UndecodableError))
    except Exception:  # noqa: BLE001 - whatever it is, it is this request's alone
        traceback.print_exc(file=sys.stderr)
        refusal = Refusal(reason="broken", message="the receiver failed on this request")
        return _Attempt(refusal=refusal)


def _rows(signal: Signal, sent: Sequence[_Sent], engine: Engine) -> Rows:
    decoded = columns(engine, signal, [body for body, _ in sent])
    rows = _FORMS[signal].rows(decoded, [principal for _, principal in sent])
    conform(rows.batch.schema, ROWS[signal], f"decoded {signal}")
    return rows
