"""Senders that obey OTLP: each keeps a batch until it is acknowledged, and says what was."""

import itertools
import threading
import urllib.error
import urllib.request
from collections import Counter
from typing import Final

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SPANS: Final = 50
_TIMEOUT_S: Final = 10.0
_AGAIN_S: Final = 0.05
_ids: Final = itertools.count(1)


def batch(service: str, end_unix_ns: int, count: int = SPANS) -> bytes:
    """Return a request of spans that nobody else sends, of one service."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    scope = resource.scope_spans.add()
    for _ in range(count):
        number = next(_ids)
        span = scope.spans.add(name="GET /", kind=2)
        span.trace_id, span.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
        span.start_time_unix_nano, span.end_time_unix_nano = end_unix_ns - 10**6, end_unix_ns
    return request.SerializeToString()


class Load:
    """Threads that send until they are told to stop; `acknowledged` counts spans by service."""

    def __init__(self, *, otlp: str, otlp_http: str, end_unix_ns: int) -> None:
        self.acknowledged: Counter[str] = Counter()
        self.refused = 0
        self.given_up: list[Exception] = []  # what OTLP forbids to try again
        self._otlp = otlp
        self._http = f"http://{otlp_http}/v1/traces"
        self._end_unix_ns = end_unix_ns
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str) -> None:
        """Begin to send in the name of services of its own."""
        self._stop.clear()
        senders = {f"{name}-grpc-1": self._grpc, f"{name}-grpc-2": self._grpc}
        senders[f"{name}-http"] = self._over_http
        self._threads = [
            threading.Thread(target=send, args=(service,), daemon=True)
            for service, send in senders.items()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Have what was begun acknowledged, and send no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _grpc(self, service: str) -> None:
        with grpc.insecure_channel(self._otlp, options=_IMPATIENT) as channel:
            export = channel.unary_unary(EXPORT)
            while not self._stop.is_set():
                body = batch(service, self._end_unix_ns)
                while not self._sent_by_grpc(export, body):
                    threading.Event().wait(_AGAIN_S)
                self.acknowledged[service] += SPANS

    def _sent_by_grpc(self, export: grpc.UnaryUnaryMultiCallable, body: bytes) -> bool:
        try:
            export(body, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() not in _RETRYABLE:
                self.given_up.append(error)
            self.refused += 1
            return False
        return True

    def _over_http(self, service: str) -> None:
        while not self._stop.is_set():
            body = batch(service, self._end_unix_ns)
            while not self._sent_by_http(body):
                threading.Event().wait(_AGAIN_S)
            self.acknowledged[service] += SPANS

    def _sent_by_http(self, body: bytes) -> bool:
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(self._http, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
                return True
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in {429, 502, 503, 504}:
                    self.given_up.append(error)
        except OSError:
            pass
        self.refused += 1
        return False


_IMPATIENT: Final = [
    ("grpc.enable_retries", 0),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]
_RETRYABLE: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
