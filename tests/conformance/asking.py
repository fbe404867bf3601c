"""HTTP as an exporter speaks it, and what its answers must look like."""

import contextlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.rpc.status_pb2 import Status

from tests.conformance.check import TIMEOUT_S
from tests.conformance.payload import RESPONSES

PROTOBUF: Final = {"Content-Type": "application/x-protobuf"}
JSON: Final = {"Content-Type": "application/json"}
OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; the names of `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def ask(
    endpoint: str,
    signal: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    method: str = "POST",
    path: str = "",
) -> Answer:
    """Send one request and return its answer."""
    connection = http.client.HTTPConnection(endpoint, timeout=TIMEOUT_S)
    try:
        # one that is refused while we are still sending may have its answer there already
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path or f"/v1/{signal}", body, dict(headers))
        reply = connection.getresponse()
        told = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(status=reply.status, headers=told, body=reply.read())
    finally:
        connection.close()


def assert_full_success(answer: Answer, signal: str, media_type: str) -> None:
    """200, in the type of the request, nothing rejected and nothing to say."""
    assert answer.status == OK, f"answered {answer.status}: {answer.body[:200]!r}"
    assert answer.media_type == media_type, f"answered as {answer.media_type!r}"
    if media_type == JSON["Content-Type"]:
        found: Any = json.loads(answer.body)
        assert not found.get("partialSuccess"), f"answered {answer.body!r}"
    else:
        response = RESPONSES[signal].FromString(answer.body)
        assert response.partial_success.ByteSize() == 0, f"answered {response}"


def assert_unset(answer: Answer, signal: str) -> None:
    """Check that partial_success is unset in a protobuf answer."""
    response = RESPONSES[signal].FromString(answer.body)
    assert not response.HasField("partial_success"), "answered with an empty partial_success"


def assert_refused(answer: Answer, status: int, media_type: str) -> None:
    """The status, and a google.rpc.Status in the type of the request as its body."""
    shown = f"answered {answer.status} {answer.media_type!r} {answer.body[:200]!r}"
    assert answer.status == status, shown
    assert_status_body(answer, media_type)


def assert_status_body(answer: Answer, media_type: str | None) -> None:
    """Check that the body is a google.rpc.Status with a message; None: in either encoding."""
    shown = f"answered {answer.status} {answer.media_type!r} {answer.body[:200]!r}"
    assert answer.media_type in ([media_type] if media_type else TYPES), shown
    if answer.media_type == JSON["Content-Type"]:
        found = json.loads(answer.body)
        assert isinstance(found, dict) and found.get("message"), shown  # noqa: PT018 - one claim
    else:
        assert Status.FromString(answer.body).message, shown


TYPES: Final = (PROTOBUF["Content-Type"], JSON["Content-Type"])
