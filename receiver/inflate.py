"""Inflates a request's body within bounds: of its size, and of the memory until that is known.

Ordinary bombs say their size at their end and are refused unread. What lies about it is inflated in
pieces; once it grows as no telemetry does, the pieces are counted instead of kept.
Source: RFC 1952 (gzip may have several members; ISIZE, section 2.3.1), RFC 9110 section 8.4.1
(deflate is zlib's format, but some senders leave its frame out).
"""

import threading
from typing import Final, Literal

from zlib_ng import zlib_ng as zlib

Coding = Literal["gzip", "deflate"]

GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 16 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_ISIZE_BYTES: Final = 4
_PIECE_BYTES: Final = 2**20
_HONEST_BYTES: Final = 4 * 2**20
_HONEST_RATIO: Final = 100
"""Up to so many bytes, or so many per compressed one, are kept while they are inflated. Telemetry
comes at 3 to 20 (ids are random); what is denser is inflated twice: counted first, then kept."""

_BAD: Final[type[Exception]] = getattr(zlib, "error")  # noqa: B009 - its stub says it is a value
_AT_ONCE: Final = threading.Semaphore(2)
"""Bodies that this process inflates at the same time: what they come to is not yet admitted."""


class TooLargeError(ValueError):
    """The inflated body is beyond the limit."""


def coding_of(body: bytes) -> Coding | None:
    """Return how a body is compressed, from its first bytes; None: it is not.

    An OTLP request starts with the tag 0x0a. gzip's magic is no tag at all, and that of zlib's
    format would be a field 15 that no message of OTLP has.
    """
    if body[:2] == GZIP_MAGIC:
        return "gzip"
    return "deflate" if _has_frame(body) else None


def inflate(body: bytes, coding: Coding, limit_bytes: int) -> bytes:
    """Return the inflated body.

    Raises:
        TooLargeError: it would be larger than `limit_bytes`; no more than that was inflated.
        ValueError: it is not what `coding` says, or it ends too early.
    """
    if coding == "gzip" and int.from_bytes(body[-_ISIZE_BYTES:], "little") > limit_bytes:
        _piece(zlib.decompressobj(_GZIP), body, 1)  # it is gzip, not just any bytes
        # Either true, of the last member alone, or a lie: gzip's own check would find it in the end
        raise TooLargeError(f"larger than {limit_bytes} bytes when inflated")
    with _AT_ONCE:
        parts, size_bytes = _inflate(body, coding, limit_bytes, _HONEST_RATIO)
        if parts is not None:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        inflater = zlib.decompressobj(_window(coding, body))
        whole = inflater.decompress(body, size_bytes)
        if len(whole) == size_bytes:  # the one member that bombs have: never held twice
            return whole
        parts, _ = _inflate(body, coding, limit_bytes, limit_bytes)
        return b"".join(parts or ())


def _inflate(
    body: bytes, coding: Coding, limit_bytes: int, ratio_max: int
) -> tuple[list[bytes] | None, int]:
    """Return the pieces, and their size; None instead of them: they are denser than told."""
    window = _window(coding, body)
    parts: list[bytes] | None = []
    size_bytes, rest = 0, body
    while True:
        inflater = zlib.decompressobj(window)
        while not inflater.eof:
            piece, rest = _piece(inflater, rest)
            size_bytes += len(piece)
            if size_bytes > limit_bytes:
                raise TooLargeError(f"larger than {limit_bytes} bytes when inflated")
            dense_bytes = max(_HONEST_BYTES, ratio_max * (len(body) - len(rest)))
            parts = None if parts is None or size_bytes > dense_bytes else [*parts, piece]
        rest = inflater.unused_data
        if not rest:
            return parts, size_bytes
        if coding == "deflate":
            raise ValueError("bytes behind the end of the deflate stream")


def _piece(
    inflater: "zlib._Decompress", rest: bytes, most_bytes: int = _PIECE_BYTES
) -> tuple[bytes, bytes]:
    """Return what comes next, and what is not yet inflated."""
    try:
        piece = inflater.decompress(rest, most_bytes)
    except _BAD as error:
        raise ValueError(f"cannot be inflated: {error}") from error
    if not piece and not inflater.eof and not inflater.unconsumed_tail:
        raise ValueError("the compressed body ends too early")
    return piece, inflater.unconsumed_tail


def _window(coding: Coding, body: bytes) -> int:
    if coding == "gzip":
        return _GZIP
    return zlib.MAX_WBITS if _has_frame(body) else _RAW


def _has_frame(body: bytes) -> bool:
    """Return whether the body starts as zlib's format does (RFC 1950, section 2.2)."""
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and not (body[0] << 8 | body[1]) % 31
