"""From the nested columns of a decoded batch to flat items, each knowing its resource and request.

OTLP nests request > resource > scope > item for all three signals. Nothing is copied here: the flat
items are the innermost columns as they are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import LABEL
from receiver.labels import resource_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """The items of a batch of requests."""

    items: pa.StructArray
    resource_of: pa.Int64Array
    """Per item the index of its resource."""

    request_of: pa.Int64Array
    """Per resource the index of its request."""

    resource_attributes: pa.ListArray

    def requests(self) -> pa.Int64Array:
        """Return per item the index of its request."""
        return self.request_of.take(self.resource_of)

    def labels(self) -> dict[str, pa.DictionaryArray]:
        """Return the label columns of the items."""
        return resource_columns(self.resource_attributes, self.resource_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a batch, and what became of the items that did not fit."""

    batch: pa.RecordBatch
    rejected: tuple[Mapping[str, int], ...]
    """Per request: items that cannot be used, by reason."""

    repaired: Mapping[str, int]
    """Items that were kept with a change, by what was changed."""


def flatten(groups: pa.ListArray, scopes: str, items: str) -> Flat:
    """Flatten `groups` (per request a list of resources) down to its `items`."""
    resources = groups.values
    scope_lists = resources.field(scopes)
    item_lists = scope_lists.values.field(items)
    resource_of_scope = pc.list_parent_indices(scope_lists)
    return Flat(
        items=item_lists.values,
        resource_of=resource_of_scope.take(pc.list_parent_indices(item_lists)),
        request_of=pc.list_parent_indices(groups),
        resource_attributes=resources.field("resource").field("attributes"),
    )


def as_label(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a picked text column as a LABEL: what is not known is the empty string."""
    dictionary = pa.concat_arrays([column.dictionary, pa.array([""])])
    indices = column.indices.fill_null(len(dictionary) - 1)
    return pa.DictionaryArray.from_arrays(indices, dictionary)


def constant_label(text: str, rows: int) -> pa.DictionaryArray:
    """Return a LABEL column that says the same on each row."""
    zeros = pa.repeat(pa.scalar(0, pa.int32()), rows)
    return pa.DictionaryArray.from_arrays(zeros, pa.array([text])).cast(LABEL)


def times(column: pa.UInt64Array) -> pa.Int64Array:
    """Return unix times as Int64; one beyond the year 2262 wraps to a negative one."""
    return column.view(pa.int64())


def within(column: pa.Int32Array, most: int) -> pa.UInt8Array:
    """Return an open enumeration as UInt8; numbers that OTLP does not define become 0."""
    known = pc.and_(pc.greater_equal(column, 0), pc.less_equal(column, most))
    return pc.if_else(known, column, 0).cast(pa.uint8())


def text(column: pa.BinaryArray) -> pa.StringArray:
    """Return bytes as text; what is not UTF-8 is repaired, so that it costs no neighbour."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([raw.decode("utf-8", "replace") for raw in column.to_pylist()], pa.string())


def ids(column: pa.BinaryArray, size_bytes: int) -> pa.BooleanArray:
    """Return which ids are valid: of the right size and not all zero."""
    sized = pc.equal(pc.binary_length(column), size_bytes)
    return pc.and_(sized, pc.not_equal(column, pa.scalar(bytes(size_bytes), pa.binary())))


def only_ids(column: pa.BinaryArray, size_bytes: int) -> pa.BinaryArray:
    """Return a column of optional ids, those that are not valid emptied."""
    valid = ids(column, size_bytes)
    if pc.all(valid, min_count=0).as_py():
        return column
    return pc.if_else(valid, column, pa.scalar(b"", pa.binary()))


def count(mask: pa.BooleanArray) -> int:
    """Return how many are true."""
    return int(mask.true_count)


def keep_usable(
    columns: Mapping[str, pa.Array],
    schema: pa.Schema,
    flat: Flat,
    tests: Sequence[tuple[str, pa.BooleanArray]],
    requests: int,
) -> tuple[pa.RecordBatch, tuple[Mapping[str, int], ...]]:
    """Return the rows that pass all tests, and per request how many failed which test first.

    `tests`: pairs of the reason and the mask of the items that pass.
    """
    batch = pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
    rejected = tuple(Counter[str]() for _ in range(requests))
    keep: pa.BooleanArray | None = None
    for reason, passed in tests:
        if passed.false_count == 0:
            continue
        failed = pc.invert(passed) if keep is None else pc.and_not(keep, passed)
        for entry in pc.value_counts(flat.requests().filter(failed)).to_pylist():
            rejected[entry["values"]][reason] += entry["counts"]
        keep = passed if keep is None else pc.and_(keep, passed)
    return (batch if keep is None else batch.filter(keep)), rejected
