"""Sends OTLP over gRPC and does not rest until all is acknowledged.

Retries as the protocol says (opentelemetry.io/docs/specs/otlp, "OTLP/gRPC Response"): retryable
codes only, after the delay that RetryInfo asks for, else with exponential backoff.
"""

import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from knowledge.schemas import SIGNALS, Signal
from twin.otlp import Export

RETRY_WALL_S: Final = 30.0
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
CALL_TIMEOUT_S: Final = 30.0
IN_FLIGHT_MAX: Final = 8
MESSAGE_MAX_BYTES: Final = 64 * 2**20

_PACKAGE: Final = "/opentelemetry.proto.collector"
_METHODS: Final[dict[Signal, tuple[str, Any]]] = {
    "traces": (f"{_PACKAGE}.trace.v1.TraceService/Export", ExportTraceServiceResponse),
    "metrics": (f"{_PACKAGE}.metrics.v1.MetricsService/Export", ExportMetricsServiceResponse),
    "logs": (f"{_PACKAGE}.logs.v1.LogsService/Export", ExportLogsServiceResponse),
}
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class SendError(Exception):
    """The receiver did not acknowledge in time, or refused for good."""


class Sender:
    """One channel to the receiver, and the count of what was sent and acknowledged by signal."""

    def __init__(self, endpoint: str) -> None:
        self._channel = grpc.insecure_channel(
            endpoint, options=[("grpc.max_send_message_length", MESSAGE_MAX_BYTES)]
        )
        self._calls = {
            signal: self._channel.unary_unary(
                path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response.FromString,
            )
            for signal, (path, response) in _METHODS.items()
        }
        self.sent: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        self.acknowledged: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)

    def send(self, exports: Iterable[Export]) -> None:
        """Send all, a few at a time, and return when all are acknowledged.

        Raises:
            SendError: one was not; those behind it may not have been sent.
        """
        in_flight: deque[tuple[Export, Any]] = deque()
        for export in exports:
            self.sent[export.signal] += export.items
            in_flight.append((export, self._start(export)))
            if len(in_flight) == IN_FLIGHT_MAX:
                self._finish(*in_flight.popleft())
        while in_flight:
            self._finish(*in_flight.popleft())

    def _start(self, export: Export) -> Any:
        return self._calls[export.signal].future(export.message, timeout=CALL_TIMEOUT_S)

    def _finish(self, export: Export, call: Any) -> None:
        deadline_s = time.monotonic() + RETRY_WALL_S
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                answer = call.result()
            except grpc.RpcError as error:
                delay_s = _retry_delay_s(error, backoff_s)
                if delay_s is None or time.monotonic() + delay_s > deadline_s:
                    raise SendError(f"{export.signal}: {_describe(error)}") from error
                time.sleep(delay_s)
                backoff_s = min(BACKOFF_MAX_S, 2 * backoff_s)
                call = self._start(export)
            else:
                self.acknowledged[export.signal] += export.items - _rejected(export.signal, answer)
                return

    def close(self) -> None:
        """Let go of the channel."""
        self._channel.close()


def _rejected(signal: Signal, answer: Any) -> int:
    partial = answer.partial_success
    match signal:
        case "traces":
            return int(partial.rejected_spans)
        case "metrics":
            return int(partial.rejected_data_points)
        case "logs":
            return int(partial.rejected_log_records)


def _describe(error: Any) -> str:
    return f"{error.code().name}: {error.details()}"


def _retry_delay_s(error: Any, backoff_s: float) -> float | None:
    """Return how long to wait before the next attempt, None if there must be none."""
    advised_s = _advised_delay_s(error)
    is_exhausted = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and advised_s is not None
    if error.code() in _RETRYABLE or is_exhausted:
        return backoff_s if advised_s is None else advised_s
    return None


def _advised_delay_s(error: Any) -> float | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return float(info.retry_delay.ToTimedelta().total_seconds())
    return None
