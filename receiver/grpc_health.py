"""The health service of gRPC, for strangers: nobody shows who he is there.

Like exports these calls are streams of one message to grpcio, so that a body is read by one of the
readers only, and is ended when it takes long.
"""

from collections.abc import Iterator
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

from receiver.grpc_calls import client_of
from receiver.grpc_readers import Readers
from receiver.refusal import Refusal

HEALTH_BYTES_MAX: Final = 1024
"""No service has a longer name."""

Bodies = Iterator[bytes]


def health_handler(servicer: Any, readers: Readers) -> Any:
    """Return the handler of the health service that `servicer` answers for."""

    def asked(bodies: Bodies, call: Any) -> Any:
        reader = readers.enter(client_of(call.peer()), call.cancel)
        if isinstance(reader, Refusal):
            return call.abort(grpc.StatusCode.UNAVAILABLE, reader.message)  # it raises
        try:
            body = next(bodies, b"")
        finally:
            readers.leave(reader)
        if len(body) > HEALTH_BYTES_MAX:
            call.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"a health request of {len(body)} bytes, over {HEALTH_BYTES_MAX}",
            )
        return health_pb2.HealthCheckRequest.FromString(body)

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
