"""Which points of metrics go on from one another: the identity of a stream, as a number.

A stream is the points of one resource, scope, instrument and set of attributes, an instrument being
its name, unit, kind and temporality (OpenTelemetry, metrics/data-model.md, "Timeseries model"): two
that share all but one of those have nothing to do with each other. The order of attributes does not
matter: what each of them hashes to is added up.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from receiver.attributes import DISTINCT_MAX

Hashes = NDArray[np.uint64]
_REMEMBERED: Final = 8192
_REMEMBERED_BYTES_MAX: Final = 256
"""Bounds of the memory: the same few come again with each request."""

_HASH_BYTES: Final = 8
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
"""Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4): sums do not undo each other."""


def hashes_of(values: pa.Array) -> Hashes:
    """Return a number per value of an array of bytes or text; equal values have equal numbers.

    Raises:
        ValueError: there are too many different values.
    """
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary.cast(pa.binary()).to_pylist()
    if len(distinct) > DISTINCT_MAX:
        raise ValueError(f"more than {DISTINCT_MAX} different values of attributes")
    if not distinct:
        return np.empty(0, np.uint64)
    hashes: Hashes = np.array([_hash(raw) for raw in distinct], np.uint64)
    found: Hashes = hashes[encoded.indices.to_numpy()]
    return found


def set_hashes(sets: pa.ListArray) -> Hashes:
    """Return a number per list, in whatever order its items are.

    Raises:
        ValueError: there are too many different items.
    """
    sums = np.zeros(len(sets.values) + 1, np.uint64)
    np.cumsum(hashes_of(sets.values), out=sums[1:])
    offsets = sets.offsets.to_numpy()
    found: Hashes = sums[offsets[1:]] - sums[offsets[:-1]]
    return found


def joined(*parts: Hashes) -> Hashes:
    """Return one number for several in this order."""
    found = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        found = (found ^ part) * _ODD
        found ^= found >> np.uint64(29)
    return found


def _hash(raw: bytes) -> int:
    return _remembered(raw) if len(raw) <= _REMEMBERED_BYTES_MAX else _hashed(raw)


def _hashed(raw: bytes) -> int:
    return int.from_bytes(blake2b(raw, digest_size=_HASH_BYTES).digest(), "big")


_remembered = lru_cache(maxsize=_REMEMBERED)(_hashed)
