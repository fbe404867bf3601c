"""Outcomes as HTTP answers: status, headers and body in the encoding of the request.

Every 4xx and 5xx carries a google.rpc.Status. What may be tried again is 503 with Retry-After.
Source: OTLP 1.11, docs/specification.md, "OTLP/HTTP Response" and "OTLP/HTTP Throttling".
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from knowledge.schemas import Signal
from receiver.answers import MESSAGE_CHARACTERS_MAX, accepted, code_number, rejection
from receiver.http_route import Encoding, Mistake
from receiver.refusal import Reason, Refusal

OK: Final = 200
_STATUSES: Final[dict[Reason, int]] = {
    "unauthenticated": 401,
    "malformed": 400,
    "too_large": 413,
    "too_many_items": 413,  # exporters split the request and try the halves
    "broken": 500,
}
_RETRYABLE: Final = 503
_REJECTED: Final[dict[Signal, str]] = {
    "traces": "rejectedSpans",
    "metrics": "rejectedDataPoints",
    "logs": "rejectedLogRecords",
}
_CODE_OF_STATUS: Final = {401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 503: 14}
"""google.rpc.Code by HTTP status, for mistakes in the head; others are INVALID_ARGUMENT."""

_INVALID_ARGUMENT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A whole answer."""

    status: int
    encoding: Encoding
    body: bytes
    headers: Mapping[bytes, bytes] = field(default_factory=dict)


FULL_SUCCESS: Final[dict[Encoding, HttpAnswer]] = {
    "protobuf": HttpAnswer(status=OK, encoding="protobuf", body=b""),
    "json": HttpAnswer(status=OK, encoding="json", body=b"{}"),
}


def outcome_answer(
    outcome: Mapping[str, int] | Refusal, signal: Signal, encoding: Encoding
) -> HttpAnswer:
    """Return the answer to an export whose outcome is known."""
    if isinstance(outcome, Refusal):
        return _refused(outcome, encoding)
    if not outcome:
        return FULL_SUCCESS[encoding]
    if encoding == "protobuf":
        return HttpAnswer(status=OK, encoding=encoding, body=accepted(outcome))
    count, message = rejection(outcome)
    partial = {_REJECTED[signal]: str(count), "errorMessage": message}  # 64-bit: a string
    return HttpAnswer(status=OK, encoding=encoding, body=_json({"partialSuccess": partial}))


def mistake_answer(mistake: Mistake) -> HttpAnswer:
    """Return the answer to a request that is refused for its head."""
    code = _CODE_OF_STATUS.get(mistake.status, _INVALID_ARGUMENT)
    return HttpAnswer(
        status=mistake.status,
        encoding=mistake.encoding,
        body=_status(code, mistake.message, mistake.encoding),
        headers=mistake.headers,
    )


def _refused(refusal: Refusal, encoding: Encoding) -> HttpAnswer:
    status = _STATUSES.get(refusal.reason, _RETRYABLE)
    # whole seconds only: one or two, so that those refused together do not come back together
    delay = {b"Retry-After": b"%d" % random.randint(1, 2)} if status == _RETRYABLE else {}  # noqa: S311 - no secret
    return HttpAnswer(
        status=status,
        encoding=encoding,
        body=_status(code_number(refusal.reason), refusal.message, encoding),
        headers=delay,
    )


def _status(code: int, message: str, encoding: Encoding) -> bytes:
    message = message[:MESSAGE_CHARACTERS_MAX]
    bad = code == _INVALID_ARGUMENT
    if encoding == "json":
        status: dict[str, Any] = {"code": code, "message": message}
        if bad:
            kind = "type.googleapis.com/google.rpc.BadRequest"
            violations = [{"description": message}]
            status["details"] = [{"@type": kind, "fieldViolations": violations}]
        return _json(status)
    found = Status(code=code, message=message)
    if bad:
        detail = AnyMessage()
        violation = BadRequest.FieldViolation(description=message)
        detail.Pack(BadRequest(field_violations=[violation]))
        found.details.append(detail)
    return bytes(found.SerializeToString())


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
