"""From the nested columns of a decoded batch to flat items, each knowing its resource and request.

OTLP nests request > resource > scope > item for all three signals. Nothing is copied here: the flat
items are the innermost columns as they are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from knowledge.schemas import LABEL
from receiver.labels import resource_columns
from receiver.nesting import Bytes, Indices, Mask, parent_indices
from receiver.principals import Principal
from receiver.top_services import Service, by_service

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """The items of a batch of requests."""

    items: pa.StructArray
    resource_of: Indices
    """Per item the index of its resource."""

    request_of: Indices
    """Per resource the index of its request."""

    resource_attributes: pa.ListArray
    principals: Sequence[Principal]
    """Per request who sent it."""

    def requests(self) -> Indices:
        """Return per item the index of its request."""
        return self.request_of[self.resource_of]

    def labels(self) -> dict[str, pa.DictionaryArray]:
        """Return the label columns of the items."""
        return resource_columns(
            self.resource_attributes, self.resource_of, self.request_of, self.principals
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a batch, and what became of the items that did not fit."""

    batch: pa.RecordBatch
    rejected: tuple[Mapping[str, int], ...]
    """Per request: items that cannot be used, by reason."""

    repaired: Mapping[str, int]
    """Items that were kept with a change, by what was changed."""

    rejected_of: Mapping[Service, int] = field(default_factory=dict)
    """Items that cannot be used, by their service."""


def flatten(groups: pa.ListArray, scopes: str, items: str, principals: Sequence[Principal]) -> Flat:
    """Flatten `groups` (per request a list of resources) down to its `items`."""
    resources = groups.values
    scope_lists = resources.field(scopes)
    item_lists = scope_lists.values.field(items)
    return Flat(
        items=item_lists.values,
        resource_of=parent_indices(scope_lists)[parent_indices(item_lists)],
        request_of=parent_indices(groups),
        resource_attributes=resources.field("resource").field("attributes"),
        principals=principals,
    )


def constant_label(text: str, rows: int) -> pa.DictionaryArray:
    """Return a LABEL column that says the same on each row."""
    zeros = pa.repeat(pa.scalar(0, pa.int32()), rows)
    return pa.DictionaryArray.from_arrays(zeros, pa.array([text])).cast(LABEL)


def times(column: pa.UInt64Array) -> Times:
    """Return unix times; one beyond the year 2262 wraps to a negative one."""
    nanoseconds: Times = column.to_numpy().view(np.int64)
    return nanoseconds


def within(column: pa.Int32Array, most: int) -> Bytes:
    """Return an open enumeration as UInt8; numbers that OTLP does not define become 0."""
    numbers = column.to_numpy()
    known = numbers.view(np.uint32) <= most  # a negative one is a large one
    return np.where(known, numbers, 0).astype(np.uint8)


def text(column: pa.BinaryArray) -> pa.StringArray:
    """Return bytes as text; what is not UTF-8 is repaired, so that it costs no neighbour."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([raw.decode("utf-8", "replace") for raw in column.to_pylist()], pa.string())


def ids(column: pa.BinaryArray, size_bytes: int) -> Mask:
    """Return which ids are valid: of the right size (8 or 16) and not all zero."""
    sizes, content, start = _layout(column)
    valid: Mask = sizes == size_bytes
    if (valid | (sizes == 0)).all():
        words = np.frombuffer(content, np.uint64, int(sizes.sum()) // 8, start)
        valid[valid] = np.bitwise_or.reduce(words.reshape(-1, size_bytes // 8), axis=1) != 0
    else:
        zero = pa.scalar(bytes(size_bytes), pa.binary())
        valid &= pc.not_equal(column, zero).to_numpy(zero_copy_only=False)
    return valid


def only_ids(column: pa.BinaryArray, size_bytes: int) -> pa.BinaryArray:
    """Return a column of optional ids, those that are not valid emptied."""
    valid = ids(column, size_bytes)
    if (valid | (_layout(column)[0] == 0)).all():
        return column
    return pc.if_else(pa.array(valid), column, pa.scalar(b"", pa.binary()))


def _layout(column: pa.BinaryArray) -> tuple[Indices, pa.Buffer | bytes, int]:
    """Return the sizes of the values, the buffer that they lie in, and where they begin."""
    _, offsets, content = column.buffers()
    if not len(column):
        return np.empty(0, np.int32), b"", 0
    starts = np.frombuffer(offsets, np.int32, len(column) + 1, 4 * column.offset)
    return starts[1:] - starts[:-1], b"" if content is None else content, int(starts[0])


def concat(parts: Sequence[Rows]) -> Rows:
    """Return batches, one at least, as one."""
    if len(parts) == 1:
        return parts[0]
    repaired, rejected_of = Counter[str](), Counter[Service]()
    for part in parts:
        repaired.update(part.repaired)
        rejected_of.update(part.rejected_of)
    return Rows(
        batch=pa.concat_batches([part.batch for part in parts]),
        rejected=tuple(rejected for part in parts for rejected in part.rejected),
        repaired=repaired,
        rejected_of=rejected_of,
    )


def keep_usable(
    columns: Mapping[str, pa.Array | npt.NDArray[Any]],
    schema: pa.Schema,
    flat: Flat,
    tests: Sequence[tuple[str, Mask]],
    requests: int,
) -> Rows:
    """Return the rows that pass all tests, and per request how many failed which test first.

    `tests`: pairs of the reason and the mask of the items that pass.
    """
    arrays = [columns[name] for name in schema.names]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(one) if isinstance(one, np.ndarray) else one for one in arrays], schema=schema
    )
    rejected = tuple(Counter[str]() for _ in range(requests))
    keep: Mask | None = None
    for reason, passed in tests:
        if passed.all():
            continue
        failed = ~passed if keep is None else keep & ~passed
        of_request = np.bincount(flat.requests()[failed], minlength=requests)
        for counts, count in zip(rejected, of_request.tolist(), strict=True):
            if count:
                counts[reason] += count
        keep = passed if keep is None else keep & passed
    if keep is None:
        return Rows(batch=batch, rejected=rejected, repaired={})
    lost = batch.filter(pa.array(~keep))
    return Rows(
        batch=batch.filter(pa.array(keep)),
        rejected=rejected,
        repaired={},
        rejected_of=by_service(lost.column("namespace"), lost.column("service")),
    )
