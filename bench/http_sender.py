"""The client for OTLP/HTTP: prebuilt bytes on plain sockets, one request in flight on each."""

import gzip
import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench.payload import fresh
from bench.sender import CALL_TIMEOUT_S, Load

_OK: Final = b"HTTP/1.1 200 "


def send_over_http(address: str, load: Load) -> int:
    """Send `load` and return how many requests were acknowledged in full.

    Raises:
        OSError: the receiver hung up.
        RuntimeError: a request was refused, or kept in part only.
    """
    host, _, port = address.rpartition(":")
    coding = b"Content-Encoding: gzip\r\n" if load.compression == "gzip" else b""
    tickets = itertools.count()
    lock = threading.Lock()
    until_s = time.monotonic() + load.seconds

    def work(_: int) -> int:
        acknowledged = 0
        with socket.create_connection((host, int(port)), timeout=CALL_TIMEOUT_S) as connection:
            while time.monotonic() < until_s:
                with lock:
                    ticket = next(tickets)
                if ticket >= load.requests:
                    break
                body = fresh(load.bodies[ticket % len(load.bodies)], ticket + 1)
                if coding:
                    body = gzip.compress(body, 6)
                head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n%sContent-Type: %s\r\n" % (
                    coding,
                    b"application/x-protobuf\r\nContent-Length: %d\r\n" % len(body),
                )
                connection.sendall(head + body)
                _take_answer(connection)
                acknowledged += 1
        return acknowledged

    with ThreadPoolExecutor(load.in_flight) as threads:
        return sum(threads.map(work, range(load.in_flight)))


def _take_answer(connection: socket.socket) -> None:
    """Read one whole answer; anything but full success is an error."""
    said = b""
    while b"\r\n\r\n" not in said:
        piece = connection.recv(65_536)
        if not piece:
            raise OSError("the receiver hung up")
        said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    size = int(length[0].partition(b":")[2]) if length else 0
    while len(body) < size:
        body += connection.recv(size - len(body))
    # an empty partial_success, two bytes, is the Collector's way to say that all was kept
    if not head.startswith(_OK) or size > 2:
        raise RuntimeError(f"answered {said[:200]!r}")
