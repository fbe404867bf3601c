"""The one client for all targets: prebuilt bytes over gRPC, several requests in flight."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from bench.payload import fresh

EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CALL_TIMEOUT_S: Final = 30.0
_OPTIONS: Final = (("grpc.max_send_message_length", -1), ("grpc.max_reconnect_backoff_ms", 200))
COMPRESSIONS: Final = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much to send: until `requests` are acknowledged or `seconds` are over."""

    bodies: Sequence[bytes]
    requests: int
    seconds: float
    in_flight: int
    compression: str


def wait_until_acknowledged(
    address: str,
    body: bytes,
    *,
    ended: Callable[[], bool],
    within_s: float = 60.0,
    token: str = "",
) -> None:
    """Return once a request, with a bearer token if there is one, is acknowledged.

    Raises:
        RuntimeError: `ended` became true before, or the time is over.
    """
    until_s = time.monotonic() + within_s
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        call = channel.unary_unary(EXPORT)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        while time.monotonic() < until_s and not ended():
            try:
                call(body, timeout=CALL_TIMEOUT_S, metadata=metadata)
            except grpc.RpcError:
                time.sleep(0.1)
            else:
                return
    raise RuntimeError(f"{address} acknowledged nothing within {within_s:g} s")


def send(address: str, load: Load) -> int:
    """Send `load` and return how many requests were acknowledged in full.

    Raises:
        grpc.RpcError: a request was refused.
        RuntimeError: a request was kept in part only.
    """
    tickets = itertools.count()
    lock = threading.Lock()
    until_s = time.monotonic() + load.seconds

    def work(channel: grpc.Channel) -> int:
        call = channel.unary_unary(EXPORT)
        acknowledged = 0
        while time.monotonic() < until_s:
            with lock:
                ticket = next(tickets)
            if ticket >= load.requests:
                break
            body = fresh(load.bodies[ticket % len(load.bodies)], ticket + 1)
            response = call(
                body,
                timeout=CALL_TIMEOUT_S,
                compression=COMPRESSIONS[load.compression],
                wait_for_ready=True,
            )
            if ExportTraceServiceResponse.FromString(response).partial_success.rejected_spans:
                raise RuntimeError("a request was kept in part only")
            acknowledged += 1
        return acknowledged

    with (
        grpc.insecure_channel(address, options=_OPTIONS) as channel,
        ThreadPoolExecutor(load.in_flight) as threads,
    ):
        return sum(threads.map(work, itertools.repeat(channel, load.in_flight)))
