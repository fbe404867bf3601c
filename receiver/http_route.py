"""What an HTTP request asks for, from its head alone: an export, a preflight, or a mistake. Pure.

Source: OTLP 1.11, docs/specification.md, "OTLP/HTTP Request"; CORS: https://fetch.spec.whatwg.org.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

from knowledge.schemas import Signal

Encoding = Literal["protobuf", "json"]
Coding = Literal["identity", "gzip", "deflate"]

PATHS: Final[dict[bytes, Signal]] = {
    b"/v1/traces": "traces",
    b"/v1/metrics": "metrics",
    b"/v1/logs": "logs",
}
MEDIA_TYPES: Final[dict[Encoding, bytes]] = {
    "protobuf": b"application/x-protobuf",
    "json": b"application/json",
}
_ENCODINGS: Final[dict[bytes, Encoding]] = {media: name for name, media in MEDIA_TYPES.items()}
_CODINGS: Final[dict[bytes, Coding]] = {
    b"": "identity",
    b"identity": "identity",
    b"gzip": "gzip",
    b"x-gzip": "gzip",
    b"deflate": "deflate",
}
KNOWN_CODINGS: Final = (b"zstd", b"snappy", b"x-snappy-framed", b"lz4", b"br", b"zlib", b"compress")
"""Codings that exporters have and that we do not take: counted by name, others as `other`."""

_PREFLIGHT_MAX_AGE_S: Final = 7200


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export request whose body may be read."""

    signal: Signal
    encoding: Encoding
    coding: Coding


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """A browser asks whether a page may send; it needs no body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A request that is refused for its head. `reason` is counted, from a bounded set."""

    status: int
    reason: str
    message: str
    encoding: Encoding = "json"
    headers: Mapping[bytes, bytes] = field(default_factory=dict)


def find(
    method: bytes, path: bytes, headers: Mapping[bytes, bytes]
) -> Export | Preflight | Mistake:
    """Return what is asked for. `headers`: names in lower case."""
    media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    encoding = _ENCODINGS.get(media)
    answered_in: Encoding = encoding or "json"
    signal = PATHS.get(path)
    if signal is None:
        shown = path[:100].decode("ascii", "replace")
        return Mistake(
            status=404,
            reason="not_found",
            message=f"{shown!r} is not one of /v1/traces, /v1/metrics, /v1/logs",
            encoding=answered_in,
        )
    if method == b"OPTIONS" and b"origin" in headers:
        return Preflight()
    if method != b"POST":
        return Mistake(
            status=405,
            reason="method",
            message="OTLP is sent by POST",
            encoding=answered_in,
            headers={b"Allow": b"POST"},
        )
    if encoding is None:
        return Mistake(
            status=415,
            reason="unsupported_type",
            message="Content-Type must be application/x-protobuf or application/json",
            encoding=answered_in,
            headers={b"Accept": b", ".join(_ENCODINGS)},
        )
    coding = _CODINGS.get(headers.get(b"content-encoding", b"").strip().lower())
    if coding is None:
        return _unsupported_coding(headers[b"content-encoding"], answered_in)
    return Export(signal=signal, encoding=encoding, coding=coding)


def _unsupported_coding(coding: bytes, encoding: Encoding) -> Mistake:
    name = coding.strip().lower()
    known = name.decode() if name in KNOWN_CODINGS else "other"
    return Mistake(
        status=415,
        reason=f"encoding_{known.replace('-', '_')}",
        message=f"Content-Encoding {known} is not taken: use gzip or none",
        encoding=encoding,
        headers={b"Accept-Encoding": b"gzip, deflate, identity"},
    )


def cors(headers: Mapping[bytes, bytes], patterns: Sequence[str]) -> Mapping[bytes, bytes]:
    """Return the headers that let the page of an allowed origin read the answer.

    `patterns`: origins such as `https://*.example.com`; `*` stands for any text.
    """
    if not patterns or b"origin" not in headers:
        return {}
    origin = headers[b"origin"]
    if not any(fnmatchcase(origin.decode("ascii", "replace"), pattern) for pattern in patterns):
        return {b"Vary": b"Origin"}
    return {b"Access-Control-Allow-Origin": origin, b"Vary": b"Origin"}


def preflight(headers: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """Return what a preflight is told beside `cors`, without which a browser ignores it."""
    return {
        b"Access-Control-Allow-Methods": b"POST",
        b"Access-Control-Allow-Headers": headers.get(
            b"access-control-request-headers", b"content-type"
        ),
        b"Access-Control-Max-Age": str(_PREFLIGHT_MAX_AGE_S).encode(),
    }
