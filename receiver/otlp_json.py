"""OTLP's JSON to its protobuf bytes, straight from the values; behind it both are the same.

Lenient where senders differ: names of fields as lowerCamelCase or as in the .proto, enumerations as
numbers or names, 64-bit integers as numbers or strings, null for what is not set, unknown names
ignored. Ids are hexadecimal, other bytes base64. The encoders are built once from the messages'
descriptors.
Source: OTLP 1.11, docs/specification.md, "JSON Protobuf Encoding";
https://protobuf.dev/programming-guides/json/ and /encoding/.
"""

import base64
import binascii
import json
import math
import struct
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from knowledge.schemas import Signal

GROUPS_MAX: Final = 2_000_000
"""Objects and lists in one request: some 150 MB while they are Python's, of a body that may have
20 million in its 64 MiB. An honest span has about two for each attribute."""

COMMAS_MAX: Final = 8_000_000
_HEX_IDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_REQUESTS: Final[dict[Signal, Any]] = {
    "traces": ExportTraceServiceRequest.DESCRIPTOR,
    "metrics": ExportMetricsServiceRequest.DESCRIPTOR,
    "logs": ExportLogsServiceRequest.DESCRIPTOR,
}
_SPECIAL_DOUBLES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LOW_BITS: Final = 0x7F
_MORE: Final = 0x80
_WRAP: Final = 2**64
_SHORT: Final = tuple(bytes([number]) for number in range(_MORE))

ValueEncoder = Callable[[Any], bytes]


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """Return the export request that `body` says as JSON.

    Raises:
        ValueError: it is not JSON, a value does not fit its field, or there are too many of them.
    """
    if body.count(b"{") + body.count(b"[") > GROUPS_MAX or body.count(b",") > COMMAS_MAX:
        raise ValueError(f"more than {GROUPS_MAX} objects or {COMMAS_MAX} values in one request")
    try:
        tree = json.loads(body)
        return _message(_fields(_REQUESTS[signal]), tree)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _message(fields: dict[str, ValueEncoder], tree: Any) -> bytes:
    if type(tree) is not dict:
        raise ValueError(f"expected an object, got {_shown(tree)}")
    parts = []
    for name, value in tree.items():
        encode = fields.get(name)
        if encode is not None and value is not None:
            try:
                parts.append(encode(value))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    return b"".join(parts)


@cache
def _fields(descriptor: Descriptor) -> dict[str, ValueEncoder]:
    """Return per name of a field what encodes its value, tag included."""
    table: dict[str, ValueEncoder] = {}
    for field in descriptor.fields:
        encode = _field_encoder(field)
        table[field.name] = table[field.camelcase_name] = encode
    return table


def _field_encoder(field: FieldDescriptor) -> ValueEncoder:
    wire_type, encode = _scalar(field)
    tag = _varint(field.number << 3 | wire_type)
    if not field.is_repeated:
        return lambda value: tag + encode(value)
    if wire_type == _LENGTH:
        return lambda values: b"".join([tag + encode(value) for value in _list(values)])
    packed = _varint(field.number << 3 | _LENGTH)
    return lambda values: packed + _prefixed(b"".join(map(encode, _list(values))))


def _scalar(field: FieldDescriptor) -> tuple[int, ValueEncoder]:
    """Return the wire type of a field and what encodes one value of it, without the tag."""
    if field.message_type is not None:
        return _LENGTH, partial(_nested, field.message_type)
    if field.enum_type is not None:
        return _VARINT, partial(_enum, field.enum_type)
    if field.name in _HEX_IDS:
        return _LENGTH, _hex
    return _SCALARS[field.type]


def _nested(descriptor: Descriptor, value: Any) -> bytes:
    return _prefixed(_message(_fields(descriptor), value))


def _text(value: Any) -> bytes:
    if type(value) is not str:
        raise ValueError(f"expected a string, got {_shown(value)}")
    return _prefixed(value.encode("utf-8", "replace"))  # half a surrogate pair is no UTF-8


def _hex(value: Any) -> bytes:
    try:
        return _prefixed(binascii.unhexlify(value))
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected hexadecimal digits, got {_shown(value)}") from error


def _base64(value: Any) -> bytes:
    try:
        digits = value.replace("-", "+").replace("_", "/").rstrip("=")
        return _prefixed(base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True))
    except (AttributeError, ValueError) as error:
        raise ValueError(f"expected base64, got {_shown(value)}") from error


def _bool(value: Any) -> bytes:
    if value is True or value == "true":
        return b"\x01"
    if value is False or value == "false":
        return b"\x00"
    raise ValueError(f"expected true or false, got {_shown(value)}")


def _double(value: Any) -> bytes:
    if isinstance(value, str) and value in _SPECIAL_DOUBLES:
        value = _SPECIAL_DOUBLES[value]
    try:
        if isinstance(value, bool):
            raise TypeError  # noqa: TRY301 - float would take it
        return struct.pack("<d", float(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"expected a number, got {_shown(value)}") from error


def _enum(names: EnumDescriptor, value: Any) -> bytes:
    if isinstance(value, str) and value in names.values_by_name:
        value = names.values_by_name[value].number
    return _varint(_integer(value, -(2**31), 2**31) % _WRAP)


def _integer(value: Any, least: int, beyond: int) -> int:
    number: int | None = value if type(value) is int else None
    whole = isinstance(value, float) and value.is_integer()
    if whole or (isinstance(value, str) and value.removeprefix("-").isdecimal()):
        number = int(value)
    if number is None or not least <= number < beyond:
        raise ValueError(f"expected an integer of its size, got {_shown(value)}")
    return number


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ValueError(f"expected a list, got {_shown(value)}")
    return value


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _prefixed(content: bytes) -> bytes:
    size = len(content)
    return (_SHORT[size] if size < _MORE else _varint(size)) + content


def _varint(number: int) -> bytes:
    if number < _MORE:
        return _SHORT[number]
    out = bytearray()
    while number >= _MORE:
        out.append(number & _LOW_BITS | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, (str, int, float, type(None))) else type(value).__name__
    return text[:40]


_SCALARS: Final[dict[int, tuple[int, ValueEncoder]]] = {
    FieldDescriptor.TYPE_STRING: (_LENGTH, _text),
    FieldDescriptor.TYPE_BYTES: (_LENGTH, _base64),
    FieldDescriptor.TYPE_BOOL: (_VARINT, _bool),
    FieldDescriptor.TYPE_DOUBLE: (_FIXED64, _double),
    FieldDescriptor.TYPE_FIXED64: (
        _FIXED64,
        lambda value: _integer(value, 0, _WRAP).to_bytes(8, "little"),
    ),
    FieldDescriptor.TYPE_SFIXED64: (
        _FIXED64,
        lambda value: struct.pack("<q", _integer(value, -(2**63), 2**63)),
    ),
    FieldDescriptor.TYPE_FIXED32: (
        _FIXED32,
        lambda value: _integer(value, 0, 2**32).to_bytes(4, "little"),
    ),
    FieldDescriptor.TYPE_UINT32: (_VARINT, lambda value: _varint(_integer(value, 0, 2**32))),
    FieldDescriptor.TYPE_UINT64: (_VARINT, lambda value: _varint(_integer(value, 0, _WRAP))),
    FieldDescriptor.TYPE_SINT32: (
        _VARINT,
        lambda value: _varint(_zigzag(_integer(value, -(2**31), 2**31))),
    ),
    FieldDescriptor.TYPE_INT32: (
        _VARINT,
        lambda value: _varint(_integer(value, -(2**31), 2**31) % _WRAP),
    ),
    FieldDescriptor.TYPE_INT64: (
        _VARINT,
        lambda value: _varint(_integer(value, -(2**63), 2**63) % _WRAP),
    ),
}
"""By type of field; OTLP has no others."""
