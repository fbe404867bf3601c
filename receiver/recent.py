"""The newest requests as their senders wrote them: what a trace says in full, when somebody asks.

Rows carry what the analysis reads. All else (attributes, events, links, bodies) is looked up here,
in the bytes of the requests that were kept, without an index: a trace id is sixteen random bytes,
and looking for them in 64 MiB takes some 10 ms.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from knowledge.schemas import Signal

_PATHS: Final[dict[Signal, tuple[Any, str, str, str]]] = {
    "traces": (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
    "logs": (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
}
"""Signals with a trace id: the message, and its lists of resources, scopes and items."""

TOLD_BYTES_MAX: Final = 4 * 2**20
"""Of a larger trace the rest is left out: a person has to read it, and it is one message."""

REQUESTS_READ_MAX: Final = 32
"""Requests that are parsed for one question; each can cost some 50 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the recent requests say about a trace, as OTLP/JSON has it.

    Each item of `spans` and `logs` is a mapping with `resource`, `scope` and `item`. `is_whole`:
    nothing was left out for its size.
    """

    spans: tuple[Mapping[str, Any], ...]
    logs: tuple[Mapping[str, Any], ...]
    is_whole: bool


class RecentRequests:
    """Requests with a trace id, the newest `bytes_max` bytes of them. Safe for many threads."""

    def __init__(self, *, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._size_bytes = 0
        self._held: deque[tuple[Signal, bytes]] = deque()
        self._lock = threading.Lock()

    def add(self, signal: Signal, bodies: Sequence[bytes]) -> None:
        """Hold requests that were kept; the oldest ones go."""
        if signal not in _PATHS:
            return
        with self._lock:
            for body in bodies:
                self._held.append((signal, body))
                self._size_bytes += len(body)
            while self._size_bytes > self._bytes_max:
                _, gone = self._held.popleft()
                self._size_bytes -= len(gone)

    def trace(self, trace_id: bytes) -> Told:
        """Return all that is held of a trace, oldest first."""
        with self._lock:
            held = list(self._held)
        found = [(signal, body) for signal, body in held if trace_id in body]
        told: dict[Signal, list[Mapping[str, Any]]] = {"traces": [], "logs": []}
        room_bytes, is_whole = TOLD_BYTES_MAX, len(found) <= REQUESTS_READ_MAX
        for signal, body in found[:REQUESTS_READ_MAX]:
            for item in _items(signal, body, trace_id):
                room_bytes -= len(json.dumps(item))
                if room_bytes < 0:
                    is_whole = False
                    break
                told[signal].append(item)
        return Told(spans=tuple(told["traces"]), logs=tuple(told["logs"]), is_whole=is_whole)


def _items(signal: Signal, body: bytes, trace_id: bytes) -> Iterator[Mapping[str, Any]]:
    """Yield the items of one request that belong to the trace."""
    message, resources, scopes, items = _PATHS[signal]
    try:
        request = message.FromString(body)
    except DecodeError:
        return  # what is opaque to the analysis was not checked when the request was taken
    for group in getattr(request, resources):
        for scope in getattr(group, scopes):
            for item in getattr(scope, items):
                if item.trace_id == trace_id:
                    yield {
                        "resource": MessageToDict(group.resource),
                        "scope": MessageToDict(scope.scope),
                        "item": MessageToDict(item),
                    }
