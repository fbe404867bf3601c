"""Decoded metric requests to rows of knowledge.schemas.METRICS: one row a data point.

The five kinds of metric are five lists beside each other; each is flattened on its own and they are
put one after the other, in the order of `_KINDS`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import METRICS
from receiver.durations import Durations, Points, durations, no_durations
from receiver.flat import Flat, Rows, flatten, keep_usable, text, times, within
from receiver.folding import FoldedMetrics, fold_metrics
from receiver.nesting import Indices, parent_indices
from receiver.principals import Principal
from receiver.streams import Hashes, hashes_of, joined, set_hashes

_TEMPORALITY_MAX: Final = 2
_NO_RECORDED_VALUE: Final = 1
_KINDS: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_OF_NUMBERS: Final = frozenset({"gauge", "sum"})
_OF_BUCKETS: Final = frozenset({"histogram", "exponential_histogram"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Metrics:
    """The metrics of a batch, whatever their kind."""

    flat: Flat
    folded: FoldedMetrics
    resource_ids: Hashes
    """Per metric."""

    ids: Hashes
    """Per metric: of its resource, scope, name and unit."""


def metric_rows(decoded: pa.RecordBatch, principals: Sequence[Principal]) -> Rows:
    """Return the data points of `decoded`, one row of it a request of one of `principals`."""
    metrics = _metrics(decoded, principals)
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


def _metrics(decoded: pa.RecordBatch, principals: Sequence[Principal]) -> _Metrics:
    groups = decoded.column("resource_metrics")
    flat = flatten(groups, "scope_metrics", "metrics", principals)
    folded = fold_metrics(text(flat.items.field("name")), text(flat.items.field("unit")))
    scopes = groups.values.field("scope_metrics").values
    scope_of = parent_indices(scopes.field("metrics"))
    resource_ids = set_hashes(flat.resource_attributes)[flat.resource_of]
    scope_ids = hashes_of(scopes.field("scope"))[scope_of]
    return _Metrics(
        flat=flat,
        folded=folded,
        resource_ids=resource_ids,
        ids=joined(
            resource_ids,
            scope_ids,
            hashes_of(flat.items.field("name")),
            hashes_of(flat.items.field("unit")),
        ),
    )


def _kind_rows(metrics: _Metrics, kind: str, requests: int) -> Rows:
    """Return the points of one kind; those that say that they have no value are left out."""
    data = metrics.flat.items.field(kind)
    lists = data.field("data_points")
    metric_of = parent_indices(lists)
    points = lists.values
    stale = points.field("flags").to_numpy() & _NO_RECORDED_VALUE != 0
    if stale.any():
        points, metric_of = points.filter(pa.array(~stale)), metric_of[~stale]
    flat = replace(metrics.flat, items=points, resource_of=metrics.flat.resource_of[metric_of])
    time = times(points.field("time_unix_nano"))
    found = _durations(metrics, kind, data, points, metric_of)
    columns = {
        "time_unix_ns": time,
        "name": metrics.folded.names.take(pa.array(metric_of)),
        "value": _values(points, kind),
        **found.columns,
        **flat.labels(),
    }
    tests = (("no time", time > 0), *found.tests)
    rows = keep_usable(columns, METRICS, flat, tests, requests)
    return replace(rows, repaired={"no_recorded_value": int(stale.sum())})


def _durations(
    metrics: _Metrics, kind: str, data: pa.StructArray, points: pa.StructArray, metric_of: Indices
) -> Durations:
    if kind not in _OF_BUCKETS or not len(points):
        return no_durations(len(points))
    of = pa.array(metric_of)
    temporality = within(data.field("aggregation_temporality").take(of), _TEMPORALITY_MAX)
    kinds = np.full(len(points), _KINDS.index(kind), np.uint64)
    return durations(
        Points(
            points=points,
            is_exponential=kind == "exponential_histogram",
            names=metrics.folded.names.take(of),
            units=metrics.folded.units.take(of),
            is_old=metrics.folded.is_old[metric_of],
            temporality=temporality,
            resource_ids=metrics.resource_ids[metric_of],
            metric_ids=joined(metrics.ids[metric_of], kinds, temporality.astype(np.uint64)),
        )
    )


def _values(points: pa.StructArray, kind: str) -> pa.Array:
    if kind not in _OF_NUMBERS:
        return pa.nulls(len(points), pa.float64())
    whole = points.field("as_int").cast(pa.float64(), safe=False)
    return pc.coalesce(points.field("as_double"), whole)
