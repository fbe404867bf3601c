"""Find the few attributes that matter among all, without parsing the others.

An attribute is the bytes of one `KeyValue`, almost always `0a <key length> <key> ...`. Its key's
length and first letter are gathered from the flat byte buffer (about 2 ns an attribute) and looked
up in a table; what passes is parsed once per distinct value. The look-up is a filter only: the
parsed key decides, and what is encoded in another way passes the filter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError

from receiver.projection.common_pb2 import KeyValue
from receiver.semconv import Meaning

_KEY_TAG: Final = 0x0A
_LONG_LENGTH: Final = 0x80
_BYTE: Final = 256
DISTINCT_MAX: Final = 500_000
"""Different attributes to parse in one batch, about a second's worth; an honest batch has some ten
thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    """Meanings, and the tables that filter for their keys."""

    meanings: tuple[Meaning, ...]
    lengths: pa.UInt8Array
    """By the byte of the key's length: 1 if this may be one of the keys."""

    words: pa.UInt8Array
    """By key length * 256 + first letter: the same, more narrowly."""

    @classmethod
    def of(cls, meanings: Sequence[Meaning]) -> Self:
        """Build the tables; a length of two bytes or more always passes (it may be a long zero)."""
        keys = [key.encode() for meaning in meanings for key in meaning.keys]
        sizes, words = {len(key) for key in keys}, {_word(key) for key in keys}
        return cls(
            meanings=tuple(meanings),
            lengths=_flags(size in sizes or size >= _LONG_LENGTH for size in range(_BYTE)),
            words=_flags(
                word in words or word >= _LONG_LENGTH * _BYTE for word in range(_BYTE * _BYTE)
            ),
        )

    def pick(self, attributes: pa.ListArray) -> dict[str, pa.Array]:
        """Return per meaning a column as long as `attributes`, null where no key is present.

        `attributes`: list<binary>, neither sliced nor with nulls. A text column comes as a
        dictionary array. Where a list has a key twice, either may win.

        Raises:
            ValueError: there are too many different values to look at.
        """
        rows = len(attributes)
        candidates = self._candidates(attributes.values)
        parents = pc.list_parent_indices(attributes).take(candidates)
        encoded = attributes.values.take(candidates).dictionary_encode()
        if len(encoded.dictionary) > DISTINCT_MAX:
            raise ValueError(f"more than {DISTINCT_MAX} different values of the attributes read")
        found = self._read(encoded.dictionary)
        return {
            meaning.column: _column(meaning, found, encoded.indices, parents, rows)
            for meaning in self.meanings
        }

    def _candidates(self, values: pa.BinaryArray) -> pa.Array:
        """Return the indices of the attributes that may have one of the keys.

        The length alone rules most out, so the first letter is looked at on the rest only.
        """
        _, offsets_buffer, data_buffer = values.buffers()
        size_bytes = data_buffer.size if data_buffer is not None else 0
        if not len(values) or not size_bytes:
            return pa.array([], pa.uint64())
        data = pa.Array.from_buffers(pa.uint8(), size_bytes, [None, data_buffer])
        starts = pa.Array.from_buffers(pa.int32(), len(values), [None, offsets_buffer])
        tags, lengths = _byte_at(data, starts, 0), _byte_at(data, starts, 1)
        passed = pc.take(self.lengths, lengths, boundscheck=False)
        ends = pc.min_max(tags)
        is_usual = ends["min"].as_py() == ends["max"].as_py() == _KEY_TAG
        if not is_usual:  # what is encoded in another way passes both filters
            passed = pc.max_element_wise(passed, pc.not_equal(tags, _KEY_TAG).cast(pa.uint8()))
        found = pc.indices_nonzero(passed)
        if not len(found):
            return found
        letters = _byte_at(data, starts.take(found), 2).cast(pa.uint16())
        sizes = pc.multiply(lengths.take(found).cast(pa.uint16()), pa.scalar(_BYTE, pa.uint16()))
        narrowed = pc.take(self.words, pc.add(sizes, letters), boundscheck=False)
        if not is_usual:
            unusual = pc.not_equal(tags.take(found), _KEY_TAG).cast(pa.uint8())
            narrowed = pc.max_element_wise(narrowed, unusual)
        return found.take(pc.indices_nonzero(narrowed))

    def _read(self, distinct: pa.BinaryArray) -> dict[str, list[str | int | None]]:
        """Return per key that occurs what each of the distinct attributes says about it."""
        reads = {key.encode(): meaning.read for meaning in self.meanings for key in meaning.keys}
        found: dict[str, list[str | int | None]] = {}
        for index, raw in enumerate(distinct.to_pylist()):
            try:
                attribute = KeyValue.FromString(raw)
            except DecodeError:
                continue
            read = reads.get(attribute.key)
            value = read(attribute.value) if read else None
            if value is not None:
                key = attribute.key.decode()
                found.setdefault(key, [None] * len(distinct))[index] = value
        return found


def _flags(values: Iterable[bool]) -> pa.UInt8Array:
    return pa.array([int(value) for value in values], pa.uint8())


def _word(key: bytes) -> int:
    return len(key) * _BYTE + key[0]


def _byte_at(data: pa.UInt8Array, starts: pa.Int32Array, distance: int) -> pa.UInt8Array:
    """Return the byte `distance` after each start; a short value shows its neighbour's byte."""
    indices = pc.add(starts, pa.scalar(distance, pa.int32())) if distance else starts
    if indices[-1].as_py() >= len(data):
        indices = pc.min_element_wise(indices, pa.scalar(len(data) - 1, pa.int32()))
    return pc.take(data, indices, boundscheck=False)


def _column(
    meaning: Meaning,
    found: dict[str, list[str | int | None]],
    distinct_of: pa.Int32Array,
    parents: pa.Array,
    rows: int,
) -> pa.Array:
    """Put the values of one meaning on their rows, the key of the highest rank first."""
    is_text = meaning.type == pa.string()
    words: dict[str | int, int] = {}
    columns = []
    for key in meaning.keys:
        if key not in found:
            continue
        values = found[key]
        if is_text:
            values = [None if v is None else words.setdefault(v, len(words)) for v in values]
        tells = pa.array([int(value is not None) for value in values], pa.uint8())
        hits = pc.indices_nonzero(tells.take(distinct_of))
        told = pa.array(values, pa.int32() if is_text else meaning.type)
        told = told.fill_null(0).take(distinct_of.take(hits))
        columns.append(pc.scatter(told, parents.take(hits), max_index=rows - 1))
    if not columns:
        column = pa.nulls(rows, pa.int32() if is_text else meaning.type)
    else:
        column = pc.coalesce(*columns) if len(columns) > 1 else columns[0]
    if not is_text:
        return column
    return pa.DictionaryArray.from_arrays(column, pa.array(list(words), pa.string()))
