"""Outcomes as gRPC answers: the one place where a refusal becomes a status.

What may be tried again is UNAVAILABLE with RetryInfo, in both encodings that exporters read: Go and
the Collector look into `grpc-status-details-bin`, Python into `google.rpc.retryinfo-bin`.
Source: OTLP 1.11, docs/specification.md, "OTLP/gRPC Throttling" and "Partial Success".
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from receiver.projection.common_pb2 import ExportResponse, PartialSuccess
from receiver.refusal import Reason, Refusal
from receiver.settings import ReceiverSettings

_CODES: Final[dict[Reason, Any]] = {
    "overloaded": grpc.StatusCode.UNAVAILABLE,
    "over_share": grpc.StatusCode.UNAVAILABLE,
    "memory": grpc.StatusCode.UNAVAILABLE,
    "brain_absent": grpc.StatusCode.UNAVAILABLE,
    "brain_full": grpc.StatusCode.UNAVAILABLE,
    "handover_timeout": grpc.StatusCode.UNAVAILABLE,
    "log_full": grpc.StatusCode.UNAVAILABLE,
    "log_failed": grpc.StatusCode.UNAVAILABLE,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "malformed": grpc.StatusCode.INVALID_ARGUMENT,
    "too_large": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "too_many_items": grpc.StatusCode.INVALID_ARGUMENT,
    "broken": grpc.StatusCode.INTERNAL,
}
MESSAGE_CHARACTERS_MAX: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A gRPC status and its trailers."""

    code: Any
    message: str
    trailers: tuple[tuple[str, bytes], ...] = ()


def refused(refusal: Refusal, settings: ReceiverSettings) -> Answer:
    """Return the answer to a refused request."""
    code = _CODES[refusal.reason]
    message = refusal.message[:MESSAGE_CHARACTERS_MAX]
    if code is not grpc.StatusCode.UNAVAILABLE:
        return Answer(code=code, message=message)
    retry = RetryInfo(retry_delay=_retry_delay(settings))
    detail = AnyMessage()
    detail.Pack(retry)
    status = Status(code=code.value[0], message=message, details=[detail])
    trailers = (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("google.rpc.retryinfo-bin", retry.SerializeToString()),
    )
    return Answer(code=code, message=message, trailers=trailers)


def code_number(reason: Reason) -> int:
    """Return the number of the code (google.rpc.Code) that a reason is answered with."""
    return int(_CODES[reason].value[0])


def rejection(rejected: Mapping[str, int]) -> tuple[int, str]:
    """Return how many items were rejected, and why in words."""
    reasons = ", ".join(f"{count} with {reason}" for reason, count in sorted(rejected.items()))
    return sum(rejected.values()), f"rejected {reasons}"


def accepted(rejected: Mapping[str, int]) -> bytes:
    """Return the serialized response; empty when all was kept."""
    if not rejected:
        return b""
    count, message = rejection(rejected)
    partial = PartialSuccess(rejected=count, error_message=message)
    return ExportResponse(partial_success=partial).SerializeToString()


def _retry_delay(settings: ReceiverSettings) -> Duration:
    """Spread the advised delays, so that those refused together do not come back together."""
    spread_s = settings.retry_delay_max_s - settings.retry_delay_min_s
    share = time.monotonic_ns() // 1000 % 1000 / 1000
    delay = Duration()
    delay.FromMilliseconds(round(1e3 * (settings.retry_delay_min_s + share * spread_s)))
    return delay
