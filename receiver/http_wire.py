"""Answers as HTTP/1.1 writes them."""

from collections.abc import Mapping
from typing import Final

from receiver.http_answers import HttpAnswer
from receiver.http_route import MEDIA_TYPES

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_CONTENT: Final = 204
_REASONS: Final = {
    200: b"OK",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


def render(
    answer: HttpAnswer, *, date: bytes, close: bool, headers: Mapping[bytes, bytes]
) -> bytes:
    """Return the bytes of an answer. `headers`: beside its own; `close`: it is the last one."""
    lines = [b"HTTP/1.1 %d %s" % (answer.status, _REASONS[answer.status])]
    if answer.status != _NO_CONTENT:
        lines.append(b"Content-Type: " + MEDIA_TYPES[answer.encoding])
        lines.append(b"Content-Length: %d" % len(answer.body))
    lines.append(b"Date: " + date)
    for given in (headers, answer.headers):
        lines += [name + b": " + value for name, value in given.items()]
    if close:
        lines.append(b"Connection: close")
    return b"\r\n".join((*lines, b"", answer.body))
