"""The plain decoder: protobuf alone, field by field, into the very columns that ptars builds.

It is what decoding must come to, and takes over where ptars cannot be had or fails on a request. It
reads the message's own description, so it knows of each field that the projection has; it costs
two to five times as much.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

_SCALARS: Final = {
    FieldDescriptor.TYPE_BOOL: pa.bool_(),
    FieldDescriptor.TYPE_BYTES: pa.binary(),
    FieldDescriptor.TYPE_DOUBLE: pa.float64(),
    FieldDescriptor.TYPE_FIXED64: pa.uint64(),
    FieldDescriptor.TYPE_INT32: pa.int32(),
    FieldDescriptor.TYPE_SFIXED64: pa.int64(),
    FieldDescriptor.TYPE_SINT32: pa.int32(),
    FieldDescriptor.TYPE_UINT32: pa.uint32(),
    FieldDescriptor.TYPE_UINT64: pa.uint64(),
}
"""The types that the projection has; one more is one more line."""


def schema_of(message: Descriptor) -> pa.Schema:
    """Return the schema of the columns of `message`: one per field, in the order of the fields."""
    return pa.schema([_field(field) for field in message.fields])


def columns(message: type[Message], bodies: Sequence[bytes]) -> pa.RecordBatch:
    """Decode `bodies`, each one `message`: a row each.

    Raises:
        google.protobuf.message.DecodeError: one of them is not protobuf.
    """
    found = [message.FromString(body) for body in bodies]
    descriptor = cast("Descriptor", message.DESCRIPTOR)
    return pa.RecordBatch.from_arrays(
        [_column(field, found) for field in descriptor.fields], schema=schema_of(descriptor)
    )


def _field(field: FieldDescriptor) -> pa.Field:
    is_list = _is_list(field)
    return pa.field(field.name, _type(field), nullable=field.has_presence and not is_list)


def _type(field: FieldDescriptor) -> pa.DataType:
    return pa.list_(_item(field)) if _is_list(field) else _one(field)


def _one(field: FieldDescriptor) -> pa.DataType:
    if field.message_type is None:
        return _SCALARS[field.type]
    return pa.struct([_field(inner) for inner in field.message_type.fields])


def _item(field: FieldDescriptor) -> pa.Field:
    return pa.field("item", _one(field), nullable=True)


def _is_list(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _column(field: FieldDescriptor, messages: Sequence[Message]) -> pa.Array:
    """Return one field of all `messages`; what they do not have is null, or the type's zero."""
    if not _is_list(field):
        return _values(field, messages)
    lists = [getattr(message, field.name) for message in messages]
    offsets = np.zeros(len(lists) + 1, np.int32)
    np.cumsum([len(items) for items in lists], out=offsets[1:])
    items = list(chain.from_iterable(lists))
    if field.message_type is None:
        values = pa.array(items, _SCALARS[field.type])
    else:
        values = _structs(field.message_type, items, None)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=_type(field))


def _values(field: FieldDescriptor, messages: Sequence[Message]) -> pa.Array:
    values: list[Any] = [getattr(message, field.name) for message in messages]
    if not field.has_presence:
        return pa.array(values, _SCALARS[field.type])
    has = [message.HasField(field.name) for message in messages]
    if field.message_type is not None:
        return _structs(field.message_type, values, has)
    told = [value if is_told else None for value, is_told in zip(values, has, strict=True)]
    return pa.array(told, _SCALARS[field.type])


def _structs(
    message: Descriptor, values: Sequence[Message], has: Sequence[bool] | None
) -> pa.StructArray:
    """Return messages as structs; an absent one is null, and empty below, as a reader expects."""
    absent = None if has is None else pa.array([not is_told for is_told in has], pa.bool_())
    return pa.StructArray.from_arrays(
        [_column(inner, values) for inner in message.fields],
        fields=[_field(inner) for inner in message.fields],
        mask=absent,
    )
