"""HTTP/2 as bytes, for senders that no client library would play (RFC 9113, RFC 7541)."""

import socket
import struct
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW = 4
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(path: str = TRACES, **more: str) -> bytes:
    """Literal fields, never indexed, without Huffman."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "x",
        "te": "trailers",
        "content-type": "application/grpc",
        **more,
    }
    return b"".join(b"\x10" + _text(name) + _text(value) for name, value in fields.items())


def _text(text: str) -> bytes:
    raw = text.encode()
    assert len(raw) < 127, "longer ones have a length of several bytes"
    return bytes([len(raw)]) + raw


class RawH2:
    """One connection; the peer's windows, of the connection and of the stream, are kept to."""

    def __init__(self, address: str, timeout_s: float = 20.0) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))
        self._buffer = b""
        self._next_stream = 1
        self._window = 65_535
        self._initial = 65_535
        self._room: dict[int, int] = {}  # of a stream, beside what all have from the start

    def open(self, *, size: int, sent: bytes, **more: str) -> int:
        """Start a call whose message has `size` bytes, of which only `sent` are sent."""
        stream = self._next_stream
        self._next_stream += 2
        message = b"\0" + struct.pack(">I", size) + sent
        self.socket.sendall(frame(HEADERS, END_HEADERS, stream, headers(**more)))
        self._send(stream, message, 0)
        return stream

    def open_compressed(self, message: bytes) -> int:
        """Start and end a call with one gzip message."""
        stream = self._next_stream
        self._next_stream += 2
        whole = b"\1" + struct.pack(">I", len(message)) + message
        told = headers(**{"grpc-encoding": "gzip"})
        self.socket.sendall(frame(HEADERS, END_HEADERS, stream, told))
        self._send(stream, whole, END_STREAM)
        return stream

    def initial_window(self) -> int:
        """Return how much of a body that is not read yet the peer lets come."""
        while True:
            kind, flags, _, payload = self._read()
            if kind == SETTINGS and not flags & ACK:
                told = dict(struct.iter_unpack(">HI", payload))
                return int(told.get(INITIAL_WINDOW, 65_535))

    def _send(self, stream: int, message: bytes, last: int) -> None:
        for at in range(0, len(message), 16_384):
            piece = message[at : at + 16_384]
            while min(self._window, self._initial + self._room.get(stream, 0)) < len(piece):
                self._take_window()
            self._window -= len(piece)
            self._room[stream] = self._room.get(stream, 0) - len(piece)
            is_last = at + 16_384 >= len(message)
            self.socket.sendall(frame(DATA, last if is_last else 0, stream, piece))

    def next_settings(self) -> None:
        """Wait for the peer's first settings: the connection is then served."""
        while self._read()[0] != SETTINGS:
            pass

    def next_frame(self) -> tuple[int, int, int, bytes]:
        """Return (kind, flags, stream, payload); settings and pings are answered unseen."""
        while True:
            kind, flags, stream, payload = self._read()
            if kind in (SETTINGS, PING) and not flags & ACK:
                answer = payload if kind == PING else b""
                self.socket.sendall(frame(kind, ACK, 0, answer))
            elif kind not in (SETTINGS, PING, WINDOW):
                return kind, flags, stream, payload

    def until_ended(self, stream: int) -> tuple[int, bytes]:
        """Return the kind and payload of the frame that ends a stream."""
        while True:
            kind, flags, found, payload = self.next_frame()
            if found == stream and (kind == RST or flags & END_STREAM):
                return kind, payload

    def _take_window(self) -> None:
        """Wait for the peer to let more of a window come."""
        kind, flags, _, payload = self._read()
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _read(self) -> tuple[int, int, int, bytes]:
        head = self._exactly(9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self._exactly(size)
        if kind == SETTINGS and not flags & ACK:
            told = dict(struct.iter_unpack(">HI", payload))
            self._initial = int(told.get(INITIAL_WINDOW, self._initial))
        elif kind == WINDOW and stream:
            self._room[stream] = self._room.get(stream, 0) + int.from_bytes(payload, "big")
        elif kind == WINDOW:
            self._window += int.from_bytes(payload, "big")
        return kind, flags, stream, payload

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self.socket.recv(2**16)
            if not data:
                raise EOFError
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken
