"""Decoded metric requests to rows of knowledge.schemas.METRICS: one row a data point.

The five kinds of metric are five lists beside each other; each is flattened on its own and they are
put one after the other, in the order of `_KINDS`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import METRICS
from receiver.flat import (
    Flat,
    Rows,
    constant_label,
    flatten,
    keep_usable,
    text,
    times,
    within,
)
from receiver.folding import metric_names
from receiver.nesting import parent_indices
from receiver.principals import Principal

_TEMPORALITY_MAX: Final = 2
_NO_RECORDED_VALUE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of metric: its name here and in OTLP, and which columns its points have."""

    name: str
    has_temporality: bool = False
    has_monotonic: bool = False
    has_value: bool = False
    has_buckets: bool = False


_KINDS: Final = (
    _Kind(name="gauge", has_value=True),
    _Kind(name="sum", has_value=True, has_temporality=True, has_monotonic=True),
    _Kind(name="histogram", has_temporality=True, has_buckets=True),
    _Kind(name="exponential_histogram", has_temporality=True),
    _Kind(name="summary"),
)


def metric_rows(decoded: pa.RecordBatch, principals: Sequence[Principal]) -> Rows:
    """Return the data points of `decoded`, one row of it a request of one of `principals`."""
    metrics = flatten(decoded.column("resource_metrics"), "scope_metrics", "metrics", principals)
    parts = [_kind_rows(metrics, kind, len(decoded)) for kind in _KINDS]
    rejected = tuple(Counter[str]() for _ in range(len(decoded)))
    for part in parts:
        for total, counts in zip(rejected, part.rejected, strict=True):
            total.update(counts)
    batches = [part.batch for part in parts if len(part.batch)] or [parts[0].batch]
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    batch = table.to_batches()[0] if len(table) else parts[0].batch
    stale = sum(part.repaired["no_recorded_value"] for part in parts)
    rejected_of = sum((Counter(part.rejected_of) for part in parts), Counter())
    return Rows(
        batch=batch,
        rejected=rejected,
        repaired={"no_recorded_value": stale},
        rejected_of=rejected_of,
    )


def _kind_rows(metrics: Flat, kind: _Kind, requests: int) -> Rows:
    """Return the points of one kind; those that say that they have no value are left out."""
    data = metrics.items.field(kind.name)
    lists = data.field("data_points")
    metric_of = parent_indices(lists)
    points = lists.values
    stale = points.field("flags").to_numpy() & _NO_RECORDED_VALUE != 0
    if stale.any():
        points, metric_of = points.filter(pa.array(~stale)), metric_of[~stale]
    flat = Flat(
        items=points,
        resource_of=metrics.resource_of[metric_of],
        request_of=metrics.request_of,
        resource_attributes=metrics.resource_attributes,
        principals=metrics.principals,
    )
    time = times(points.field("time_unix_nano"))
    metric = pa.array(metric_of)
    columns = {
        "time_unix_ns": time,
        "start_unix_ns": times(points.field("start_time_unix_nano")),
        "name": metric_names(text(metrics.items.field("name"))).take(metric),
        "unit": text(metrics.items.field("unit").take(metric)),
        "type": constant_label(kind.name, len(points)),
        **_meta(data, kind, metric),
        **_numbers(points, kind),
        **flat.labels(),
    }
    tests = (("no time", time > 0),)
    rows = keep_usable(columns, METRICS, flat, tests, requests)
    return replace(rows, repaired={"no_recorded_value": int(stale.sum())})


def _meta(data: pa.StructArray, kind: _Kind, metric_of: pa.Int32Array) -> dict[str, Any]:
    """Return what a metric says of all its points."""
    rows = len(metric_of)
    return {
        "is_monotonic": (
            data.field("is_monotonic").take(metric_of)
            if kind.has_monotonic
            else pa.repeat(pa.scalar(False), rows)  # noqa: FBT003 - a scalar's only argument
        ),
        "temporality": (
            within(data.field("aggregation_temporality").take(metric_of), _TEMPORALITY_MAX)
            if kind.has_temporality
            else pa.repeat(pa.scalar(0, pa.uint8()), rows)
        ),
    }


def _numbers(points: pa.StructArray, kind: _Kind) -> dict[str, pa.Array]:
    """Return the values of the points; null where their kind has no such value."""
    rows = len(points)
    columns = {
        name: pa.nulls(rows, METRICS.field(name).type)
        for name in ("value", "count", "sum", "bounds", "bucket_counts")
    }
    if kind.has_value:
        whole = points.field("as_int").cast(pa.float64(), safe=False)
        return columns | {"value": pc.coalesce(points.field("as_double"), whole)}
    columns |= {"count": points.field("count"), "sum": points.field("sum")}
    if kind.has_buckets:
        columns["bounds"] = points.field("explicit_bounds")
        columns["bucket_counts"] = points.field("bucket_counts")
    return columns
