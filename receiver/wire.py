"""Counts the items of an export request on the wire, without parsing it.

Two million empty spans are 4 MB of bytes and a quarter of a GB as parsed objects, so a large
request is counted before it is parsed.
Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_VARINT, _FIXED64, _LENGTH, _GROUP_START, _GROUP_END, _FIXED32 = range(6)


_FIELDS_PER_ITEM_MAX: Final = 4
"""Fields to look at for each item that is allowed. An honest request has about one for each; 64 MiB
of tiny fields that are no items would keep the interpreter for ten seconds."""


class _OverlongError(Exception):
    """More fields than any request with so few items has."""


class _MalformedError(ValueError):
    """The bytes are not protobuf; the parser says so better."""


def count_items(body: bytes, path: Sequence[frozenset[int]], most: int) -> int:
    """Return how many messages lie on `path`, at all its depths; stops beyond `most`.

    `path` gives per depth the field numbers to go into. Malformed bytes end the count: the parser,
    which comes next, refuses them.
    """
    total = 0
    budget = _Budget(left=_FIELDS_PER_ITEM_MAX * most + 1_000)
    open_levels = [_fields(body, 0, len(body), path[0], budget)]
    try:
        while open_levels and total <= most:
            found = next(open_levels[-1], None)
            if found is None:
                open_levels.pop()
                continue
            total += 1
            if len(open_levels) < len(path):
                open_levels.append(_fields(body, *found, path[len(open_levels)], budget))
    except _OverlongError:
        return most + 1
    except (_MalformedError, IndexError):
        return total
    return total


@dataclass(slots=True)
class _Budget:
    left: int


def _fields(
    body: bytes, at: int, end: int, wanted: frozenset[int], budget: _Budget
) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each wanted message field between `at` and `end`."""
    while at < end:
        budget.left -= 1
        if budget.left < 0:
            raise _OverlongError
        tag, at = _varint(body, at)
        wire_type = tag & 7
        if not tag >> 3:
            raise _MalformedError
        if wire_type == _LENGTH:
            size, at = _varint(body, at)
            if at + size > end:
                raise _MalformedError
            if tag >> 3 in wanted:
                yield at, at + size
            at += size
        elif wire_type == _VARINT:
            _, at = _varint(body, at)
        elif wire_type in (_FIXED64, _FIXED32):
            at += 8 if wire_type == _FIXED64 else 4
        elif wire_type not in (_GROUP_START, _GROUP_END):  # a group's fields count as ours
            raise _MalformedError


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """Return the varint at `at` and where it ends."""
    value = body[at]
    at += 1
    if value < 0x80:  # noqa: PLR2004 - the continuation bit
        return value, at
    value &= 0x7F
    shift = 7
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at
        shift += 7
        if shift > 63:  # noqa: PLR2004 - a varint has ten bytes at most
            raise _MalformedError
