"""The one framing of all local sockets: frames to the brain, the clock, the twin's cluster port.

    +----------------+----------------+---------------------+-------------+
    | header bytes   | body bytes     | header: JSON object | body: bytes |
    | u32, big end.  | u32, big end.  |                     |             |
    +----------------+----------------+---------------------+-------------+

Pure: `pack` makes bytes, `Unpacker` takes whatever a socket gave. Both ends are ours, so a message
that breaks the form is a bug or a stranger, and the connection is closed.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_LENGTHS: Final = struct.Struct(">II")
HEADER_MAX_BYTES: Final = 16 * 2**20
BODY_MAX_BYTES: Final = 512 * 2**20


class FramingError(ValueError):
    """The peer does not speak this framing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: what it is about, and its bulk."""

    header: Mapping[str, Any]
    body: bytes | bytearray | memoryview = b""


def pack(header: Mapping[str, Any], body_bytes: int = 0) -> bytes:
    """Return the bytes that go before a body of `body_bytes`; the body itself is not copied."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), body_bytes) + text


def parse_lengths(prefix: bytes) -> tuple[int, int]:
    """Return (header bytes, body bytes) of the eight bytes that begin a message.

    Raises:
        FramingError: a length is beyond its bound.
    """
    header_bytes, body_bytes = _LENGTHS.unpack(prefix)
    if header_bytes > HEADER_MAX_BYTES or body_bytes > BODY_MAX_BYTES:
        raise FramingError(f"message of {header_bytes} + {body_bytes} bytes is beyond the bound")
    return header_bytes, body_bytes


PREFIX_BYTES: Final = _LENGTHS.size


def parse_header(text: bytes) -> dict[str, Any]:
    """Return the JSON object of a header.

    Raises:
        FramingError: it is not one.
    """
    try:
        header = json.loads(text)
    except ValueError as error:
        raise FramingError(f"header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise FramingError(f"header must be a JSON object, got {type(header).__name__}")
    return header


class Unpacker:
    """Collects bytes and yields the messages that are complete."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take `data` and yield each message that it completes.

        Raises:
            FramingError: the bytes break the form; nothing after them can be read.
        """
        self._pending += data
        while len(self._pending) >= PREFIX_BYTES:
            header_bytes, body_bytes = parse_lengths(bytes(self._pending[:PREFIX_BYTES]))
            end = PREFIX_BYTES + header_bytes + body_bytes
            if len(self._pending) < end:
                return
            header = parse_header(bytes(self._pending[PREFIX_BYTES : PREFIX_BYTES + header_bytes]))
            body = bytes(self._pending[PREFIX_BYTES + header_bytes : end])
            del self._pending[:end]
            yield Message(header=header, body=body)
