"""Frozen values to JSON and back, for the journal and the local sockets.

pydantic reads the dataclasses' own annotations, so there is no second schema to keep in step.
"""

from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Adapters are dear to make and few: one for each type that is ever asked for."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_json(value: object, kind: Any = None) -> bytes:
    """Return `value` as JSON; name `kind` when the value's own type does not say it (a union)."""
    return bytes(_adapter(kind or type(value)).dump_json(value))


def from_json(kind: type[T], text: bytes | str) -> T:
    """Read a value of type `kind` back.

    Raises:
        pydantic.ValidationError: the text is not such a value.
    """
    value: T = _adapter(kind).validate_json(text)
    return value
