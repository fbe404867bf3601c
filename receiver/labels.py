"""The labels of a resource: whose rows these are.

There are few resources beside their spans, and the same ones come again with each request: they are
read one by one, and remembered.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from receiver.nesting import Indices
from receiver.principals import NOBODY, Principal
from receiver.projection.common_pb2 import KeyValue
from receiver.semconv import RESOURCE_MEANINGS

Labels = tuple[str, ...]
"""One text per meaning, in the order of RESOURCE_MEANINGS; empty where it is not known."""

_REMEMBERED: Final = 4096
_REMEMBERED_BYTES_MAX: Final = 4096
"""Bounds of the memory: a resource has some 500 bytes, a larger one is read anew each time."""

_WORDS_MAX: Final = 16
"""Of a batch of few resources the same words come again and again; of many they hardly do."""

ATTRIBUTES_MAX: Final = 1_000_000
"""Resource attributes to read in one batch, about a second's worth; an honest batch has some ten
thousand."""

_RANKS: Final = {
    key.encode(): (column, rank)
    for column, meaning in enumerate(RESOURCE_MEANINGS)
    for rank, key in enumerate(meaning.keys)
}
_COLUMNS: Final = [meaning.column for meaning in RESOURCE_MEANINGS]
_NAMESPACE: Final = _COLUMNS.index("namespace")
_SERVICE: Final = _COLUMNS.index("service")
_WORST_RANK: Final = max(rank for _, rank in _RANKS.values()) + 1


def resource_columns(
    attributes: pa.ListArray,
    resource_of: Indices,
    request_of: Indices,
    principals: Sequence[Principal],
) -> dict[str, pa.Array]:
    """Return a LABEL column per meaning, and who said so, as long as `resource_of`.

    `attributes`: per resource its `KeyValue` bytes; `resource_of`: per row its resource;
    `request_of`: per resource its request; `principals`: per request its sender.

    Raises:
        ValueError: there are too many attributes to read.
    """
    if len(attributes.values) > ATTRIBUTES_MAX:
        raise ValueError(f"more than {ATTRIBUTES_MAX} attributes of resources")
    labels = [_labels(tuple(raw)) for raw in attributes.to_pylist()]
    same = pa.array(np.zeros(len(resource_of), np.int32))

    def column(texts: Sequence[str]) -> pa.DictionaryArray:
        words: dict[str, int] = {}
        numbers = [words.setdefault(text, len(words)) for text in texts]
        numbered = pa.array(np.array(numbers, np.int32)[resource_of]) if len(words) > 1 else same
        return pa.DictionaryArray.from_arrays(numbered, _dictionary(words), safe=False)

    columns = {
        meaning.column: column([label[index] for label in labels])
        for index, meaning in enumerate(RESOURCE_MEANINGS)
    }
    senders = [principals[request] for request in request_of.tolist()]
    verified = [
        sender is not NOBODY and sender.speaks_for(label[_NAMESPACE], label[_SERVICE])
        for sender, label in zip(senders, labels, strict=True)
    ]
    return columns | {
        "principal": column([sender.name for sender in senders] or [""]),
        "is_verified": np.array(verified, np.bool_)[resource_of],
    }


def _dictionary(words: Collection[str]) -> pa.StringArray:
    if len(words) > _WORDS_MAX or sum(map(len, words)) > _REMEMBERED_BYTES_MAX:
        return pa.array(words, pa.string())
    return _remembered_dictionary(tuple(words))


@lru_cache(maxsize=_REMEMBERED)
def _remembered_dictionary(words: tuple[str, ...]) -> pa.StringArray:
    return pa.array(words, pa.string())


def _labels(attributes: tuple[bytes, ...]) -> Labels:
    if sum(map(len, attributes)) > _REMEMBERED_BYTES_MAX:
        return read_labels(attributes)
    return _remembered_labels(attributes)


def read_labels(attributes: tuple[bytes, ...]) -> Labels:
    """Read the labels of one resource; an attribute that is not a KeyValue says nothing."""
    labels = [""] * len(RESOURCE_MEANINGS)
    ranks = [_WORST_RANK] * len(RESOURCE_MEANINGS)
    for raw in attributes:
        try:
            attribute = KeyValue.FromString(raw)
        except DecodeError:
            continue
        column, rank = _RANKS.get(attribute.key, (0, _WORST_RANK))
        if rank >= ranks[column]:
            continue
        value = RESOURCE_MEANINGS[column].read(attribute.value)
        if value is not None:
            labels[column] = str(value)
            ranks[column] = rank
    return tuple(labels)


_remembered_labels = lru_cache(maxsize=_REMEMBERED)(read_labels)
