"""The health service of gRPC, for strangers: nobody shows who he is there.

Like exports these calls are streams of one message to grpcio, so that a body is read by one of a
few readers only, and is ended when it takes long. They have readers of their own, and nobody waits
for one: what strangers hold here takes nothing from exports.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from receiver.grpc_calls import client_of
from receiver.grpc_readers import Readers
from receiver.inflate import coding_of, inflate
from receiver.refusal import Refusal

HEALTH_BYTES_MAX: Final = 1024
"""No service has a longer name. The limit holds for what comes, and for what it is inflated to."""

READERS: Final = 8
BODY_MAX_S: Final = 1.0
"""A usual question comes with its call's head: who sends none gives its place up soon."""

Bodies = Iterator[bytes]


def health_readers() -> Readers:
    """Return the readers of the health service; where all read, the next is refused at once."""
    return Readers(places=READERS, body_max_s=BODY_MAX_S, wait_s=0.0, monotonic_s=time.monotonic)


def health_handler(servicer: Any, readers: Readers) -> Any:
    """Return the handler of the health service that `servicer` answers for."""

    def asked(bodies: Bodies, call: Any) -> Any:
        reader = readers.enter(client_of(call.peer()), call.cancel)
        if isinstance(reader, Refusal):
            message = f"{READERS} health requests are being read"
            return call.abort(grpc.StatusCode.UNAVAILABLE, message)  # it raises
        try:
            return read_request(next(bodies, b""))
        except ValueError as error:
            return call.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            readers.leave(reader)

    def check(bodies: Bodies, call: Any) -> Any:
        return servicer.Check(asked(bodies, call), call)

    def watch(bodies: Bodies, call: Any, send: Any) -> None:
        servicer.Watch(asked(bodies, call), call, send)

    told = health_pb2.HealthCheckResponse.SerializeToString
    watch.experimental_non_blocking = True  # type: ignore[attr-defined] # a watcher must not hold a thread
    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {
            "Check": grpc.stream_unary_rpc_method_handler(check, None, told),
            "Watch": grpc.stream_stream_rpc_method_handler(watch, None, told),
        },
    )


def read_request(body: bytes) -> Any:
    """Return the HealthCheckRequest that a body is, be it compressed.

    Raises:
        ValueError: it is none, or too large.
    """
    if len(body) > HEALTH_BYTES_MAX:
        raise ValueError(f"a health request of {len(body)} bytes, over {HEALTH_BYTES_MAX}")
    coding = coding_of(body)
    whole = body if coding is None else inflate(body, coding, HEALTH_BYTES_MAX)
    try:
        return health_pb2.HealthCheckRequest.FromString(whole)
    except DecodeError as error:
        raise ValueError(f"not a health request: {error}") from error
