"""Inflates a request's body, and stops at the limit instead of behind it.

Source: RFC 1952 (gzip may have several members), RFC 9110 section 8.4.1 (deflate is zlib's format,
but some senders leave its frame out).
"""

import zlib
from typing import Final, Literal

_GZIP: Final = 16 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS


class TooLargeError(ValueError):
    """The inflated body is beyond the limit."""


def inflate(body: bytes, coding: Literal["gzip", "deflate"], limit_bytes: int) -> bytes:
    """Return the inflated body.

    Raises:
        TooLargeError: it would be larger than `limit_bytes`; no more than that was inflated.
        ValueError: it is not what `coding` says, or it ends too early.
    """
    parts: list[bytes] = []
    room = limit_bytes
    while True:
        part, body = _member(body, _window(coding, body), room)
        room -= len(part)
        parts.append(part)
        if not body:
            return b"".join(parts)
        if coding == "deflate":
            raise ValueError("bytes behind the end of the deflate stream")


def _window(coding: str, body: bytes) -> int:
    if coding == "gzip":
        return _GZIP
    framed = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and not (body[0] << 8 | body[1]) % 31
    return zlib.MAX_WBITS if framed else _RAW


def _member(body: bytes, window: int, room: int) -> tuple[bytes, bytes]:
    """Return one member inflated, and what lies behind it."""
    inflater = zlib.decompressobj(window)
    try:
        # One byte more than there is room for tells whether there is more.
        part = inflater.decompress(body, room + 1)
    except zlib.error as error:
        raise ValueError(f"cannot be inflated: {error}") from error
    if len(part) > room:
        raise TooLargeError(f"larger than {room} bytes when inflated")
    if not inflater.eof:
        raise ValueError("the compressed body ends too early")
    return part, inflater.unused_data
