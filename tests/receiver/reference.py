"""A plain reading of OTLP messages, item by item: what decoding must come to."""

import re
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from receiver.semconv import GRPC_CODES, GRPC_SERVER_FAULTS

SERVER, CLIENT, PRODUCER = 2, 3, 4
INT64_MAX = 2**63 - 1
LABELS = {
    "namespace": ("service.namespace", "k8s.namespace.name"),
    "service": ("service.name",),
    "version": ("service.version",),
    "pod": ("k8s.pod.name",),
    "pod_uid": ("k8s.pod.uid",),
}
PEERS = ("service.peer.name", "peer.service", "server.address", "net.peer.name")
HOSTS = ("network.peer.address", "server.address", "net.peer.ip", "net.peer.name")
PORTS = ("server.port", "net.peer.port")
HTTP = ("http.response.status_code", "http.status_code")
GRPC = (
    "rpc.response.status_code",
    "rpc.status_code",
    "rpc.grpc.status_code",
    "grpc.status",
    "rpc.connect_rpc.error_code",
)


def as_text(value: AnyValue) -> str | None:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value or None
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return f"{value.double_value:g}"
        case "bool_value":
            return "true" if value.bool_value else "false"
        case _:
            return None


def as_number(value: AnyValue, names: tuple[str, ...], low: int, high: int) -> int | None:
    text = as_text(value) if value.WhichOneof("value") in ("string_value", "int_value") else None
    if text is None:
        return None
    if value.WhichOneof("value") == "string_value" and text.upper() in names:
        return names.index(text.upper())
    return int(text) if text.lstrip("-").isdigit() and low <= int(text) < high else None


def first(attributes: Any, keys: tuple[str, ...], read: Any) -> Any:
    found = {a.key: a.value for a in attributes}
    told = (read(found[key]) for key in keys if key in found)
    return next((value for value in told if value is not None), None)


def labels(resource: Resource) -> dict[str, str]:
    return {name: first(resource.attributes, keys, as_text) or "" for name, keys in LABELS.items()}


def valid_id(raw: bytes, size: int) -> bool:
    return len(raw) == size and any(raw)


def usable_time(time: int) -> bool:
    return 0 < time <= INT64_MAX


def failed(span: Span) -> bool:
    error = span.status.code == 2
    http = first(span.attributes, HTTP, lambda v: as_number(v, (), 100, 600))
    grpc = first(span.attributes, GRPC, lambda v: as_number(v, GRPC_CODES, 0, 17))
    if span.kind == SERVER and grpc is not None:
        return GRPC_CODES[grpc] in GRPC_SERVER_FAULTS
    if span.kind == CLIENT and grpc is not None:
        return bool(grpc != 0)
    if span.kind == SERVER and http is not None:
        return bool(http >= 500 or (error and http < 400))
    return error


def answered(span: Span) -> bool:
    http = first(span.attributes, HTTP, lambda v: as_number(v, (), 100, 600))
    grpc = first(span.attributes, GRPC, lambda v: as_number(v, GRPC_CODES, 0, 17))
    return span.kind == CLIENT and (http is not None or grpc not in (None, 1, 4, 14))


def is_stream(span: Span) -> bool:
    http = first(span.attributes, HTTP, lambda v: as_number(v, (), 100, 600))
    lasts_ns = span.end_time_unix_nano - span.start_time_unix_nano
    return span.kind == SERVER and (http == 101 or lasts_ns >= 300 * 10**9)


def span_row(span: Span, resource: Resource) -> dict[str, Any] | str:
    if not valid_id(span.trace_id, 16):
        return "invalid trace id"
    if not valid_id(span.span_id, 8):
        return "invalid span id"
    if not (usable_time(span.start_time_unix_nano) and usable_time(span.end_time_unix_nano)):
        return "no start or end time"
    peer = first(span.attributes, PEERS, as_text) if span.kind in (CLIENT, PRODUCER) else None
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id if valid_id(span.parent_span_id, 8) else b"",
        "start_unix_ns": min(span.start_time_unix_nano, span.end_time_unix_nano),
        "end_unix_ns": span.end_time_unix_nano,
        "kind": span.kind if 0 <= span.kind <= 5 and not is_stream(span) else 0,
        "name": span.name,
        "is_error": failed(span),
        "is_answered": answered(span),
        "peer": peer or "",
        "address": address(span),
        **labels(resource),
    }


def address(span: Span) -> str:
    if span.kind != CLIENT:
        return ""
    upstream = first(span.attributes, ("upstream_address",), as_text)
    host, port = (first(span.attributes, keys, as_text) for keys in (HOSTS, PORTS))
    if upstream or not (host and port):
        return upstream or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def log_row(record: LogRecord, resource: Resource) -> dict[str, Any] | str:
    time = record.time_unix_nano or record.observed_time_unix_nano
    if not usable_time(time):
        return "no time"
    severity = record.severity_number if 0 <= record.severity_number <= 24 else 0
    by_word = {"error": 17, "WARN": 13, "Fatal": 21}
    by_what = 17 if exception(record) else 0
    return {
        "time_unix_ns": time,
        "severity": severity or by_word.get(record.severity_text, 0) or by_what,
        "template": said(record),
        **dict.fromkeys(("reason", "object_namespace", "object_kind", "object_name"), ""),
        "trace_id": record.trace_id if valid_id(record.trace_id, 16) else b"",
        "span_id": record.span_id if valid_id(record.span_id, 8) else b"",
        **labels(resource),
    }


def exception(record: LogRecord) -> str | None:
    found: str | None = first(record.attributes, ("exception.type",), as_text)
    return found


def said(record: LogRecord) -> str:
    kind = exception(record)
    if kind is None:
        return template(record.body)
    message = first(record.attributes, ("exception.message",), as_text)
    body = record.body
    if not record.body.SerializeToString() and message is not None:
        body = AnyValue(string_value=message)
    return f"{kind}: {template(body)}"[:100]


def template(body: AnyValue) -> str:
    """What receiver.templates says, with another engine of regular expressions."""
    raw = body.SerializeToString()
    if body.WhichOneof("value") == "string_value":
        raw = body.string_value.encode()
    said = raw[: 640 if raw[:1] == b"{" else 180].decode("utf-8", "replace")
    told = r'"(?:message|msg|event|log)"\s*:\s*"((?:[^"\\]|\\.)*)'
    message = re.search(told, said, re.ASCII)
    said = (message[1] if message else said)[:180]
    no_word = r'[^\s\[\](){},;:="]*'
    for pattern, mask in (
        (r"=[^\s,\])}]*", "=*"),
        (rf"{no_word}\d{no_word}", "*"),
        (r"\*(?:[\s:,.;\-]*\*)+", "*"),
    ):
        said = re.sub(pattern, mask, said, flags=re.ASCII)
    return said[:100]
