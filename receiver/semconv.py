"""Which attributes the analysis needs, under their old and new names, and what their values mean.

Everything else that a sender attaches stays opaque. A `Meaning` is one column: its keys in the
order in which they are believed, and how a value is read.
Source: OpenTelemetry semantic conventions 1.44 and their migration notes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from receiver.folding import names_of
from receiver.projection.common_pb2 import AnyValue

GRPC_CODES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
GRPC_SERVER_FAULTS: Final = (
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
)
"""The codes that are the server's fault; the others are the caller's."""

_GRPC_NUMBERS: Final = {name: number for number, name in enumerate(GRPC_CODES)} | {"CANCELED": 1}
_HTTP_STATUSES: Final = range(100, 600)


def read_text(value: AnyValue) -> str | None:
    """Return a scalar as text; None for what is empty, nested or not text at all."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value.decode("utf-8", "replace") or None
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return f"{value.double_value:g}"
        case "bool_value":
            return str(value.bool_value).lower()
        case _:
            return None


def _read_number(value: AnyValue) -> int | None:
    if value.WhichOneof("value") == "int_value":
        return value.int_value
    text = value.string_value
    return int(text) if text.isdigit() and len(text) <= len("599") else None


def read_http_status(value: AnyValue) -> int | None:
    """Return an HTTP status; some senders write it as a string."""
    number = _read_number(value)
    return number if number in _HTTP_STATUSES else None


def read_grpc_code(value: AnyValue) -> int | None:
    """Return a gRPC code from its number or its name (Connect writes the names in lower case)."""
    number = _read_number(value)
    if number is not None:
        return number if number < len(GRPC_CODES) and number >= 0 else None
    return _GRPC_NUMBERS.get(value.string_value.decode("utf-8", "replace").upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One column that attributes give: `keys` in falling rank, the first one present wins."""

    column: str
    type: pa.DataType
    keys: tuple[str, ...]
    read: Callable[[AnyValue], str | int | None]


_OWN_NAMES: Final = ("net.host.name", "http.server_name", "tls.client.server_name")
SPAN_MEANINGS: Final = (
    Meaning(
        column="http_status",
        type=pa.int16(),
        keys=names_of("http.response.status_code"),
        read=read_http_status,
    ),
    Meaning(
        column="grpc_code",
        type=pa.int16(),
        keys=names_of("rpc.response.status_code"),
        read=read_grpc_code,
    ),
    Meaning(
        column="peer",
        type=pa.string(),
        # on a caller's span these others would be its own name, or that of its certificate
        keys=names_of("service.peer.name") + names_of("server.address", but=_OWN_NAMES),
        read=read_text,
    ),
    # which instance a call went to; Envoy writes host and port together. No key that names a
    # caller's own port on the spans of servers is read: there are as many of those as connections
    Meaning(column="upstream", type=pa.string(), keys=("upstream_address",), read=read_text),
    Meaning(
        column="peer_host",
        type=pa.string(),
        keys=("network.peer.address", "server.address", "net.peer.ip", "net.peer.name"),
        read=read_text,
    ),
    Meaning(
        column="peer_port",
        type=pa.string(),
        keys=("server.port", "net.peer.port"),
        read=read_text,
    ),
)


def _label(column: str, *keys: str) -> Meaning:
    return Meaning(column=column, type=pa.string(), keys=keys, read=read_text)


RESOURCE_MEANINGS: Final = (
    _label("namespace", "service.namespace", "k8s.namespace.name"),
    _label("service", "service.name"),
    _label("version", "service.version"),
    _label("pod", "k8s.pod.name"),
    _label("pod_uid", "k8s.pod.uid"),
)
