"""Asks a receiver over HTTP: as a client does, and byte by byte."""

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from google.rpc.status_pb2 import Status

from tests.receiver.house import DEADLINE_S, House

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def as_status(self) -> Status:
        assert self.headers["Content-Type"] == "application/x-protobuf"
        return Status.FromString(self.body)


def ask(
    house: House,
    body: bytes = b"",
    headers: Mapping[str, str] = PROTOBUF,
    path: str = "/v1/traces",
    method: str = "POST",
) -> Reply:
    connection = http.client.HTTPConnection(house.receiver.http_address, timeout=DEADLINE_S)
    try:
        connection.request(method, path, body, dict(headers))
        reply = connection.getresponse()
        return Reply(reply.status, reply.read(), {k: v for k, v in reply.getheaders()})  # noqa: C416 - a message
    finally:
        connection.close()


def raw(house: House, *pieces: bytes, more: bool = False) -> bytes:
    """Send bytes as they are, and whether `more` may come; return all that comes back."""
    host, _, port = house.receiver.http_address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as sender:
        for piece in pieces:
            sender.sendall(piece)
        if not more:
            sender.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sender.recv(2**16), b""))


def head(size: int, *lines: str) -> bytes:
    told = ["POST /v1/traces HTTP/1.1", "Host: x", "Content-Type: application/x-protobuf"]
    return "\r\n".join([*told, f"Content-Length: {size}", *lines, "", ""]).encode()


def counts(house: House) -> dict[str, int]:
    return house.receiver.counters.snapshot()
