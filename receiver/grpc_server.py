"""OTLP/gRPC: unary Export for traces, metrics and logs, on raw bytes.

The options below make large requests cheaper (fewer reads and frames per message) and bound what a
stranger can hold: streams per connection, handshakes, metadata. grpcio inflates gzip itself and
applies the size limit to the inflated message.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from knowledge.schemas import Signal
from receiver.admission import Gate
from receiver.answers import accepted, refused
from receiver.pipeline import Outcome, Pipeline
from receiver.refusal import Refusal
from receiver.settings import ReceiverSettings

SERVICES: Final[dict[str, Signal]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
_OPTIONS: Final = (
    ("grpc.so_reuseport", 1),  # several receivers may share one port
    ("grpc.http2.lookahead_bytes", 16 * 2**20),
    ("grpc.http2.max_frame_size", 2**24 - 1),
    ("grpc.experimental.tcp_read_chunk_size", 2**20),
    ("grpc.experimental.tcp_min_read_chunk_size", 256 * 2**10),
    ("grpc.experimental.tcp_max_read_chunk_size", 16 * 2**20),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_age_ms", 600_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
)


class ListenError(RuntimeError):
    """The address cannot be listened on."""


class GrpcServer:
    """The gRPC server of one receiver."""

    def __init__(self, settings: ReceiverSettings, pipeline: Pipeline) -> None:
        """Bind; nothing is served before `start`.

        Raises:
            ListenError: the address is taken or not ours.
        """
        self._settings = settings
        self._pipeline = pipeline
        # A request that waits holds a thread. Twice as many threads as may wait, so that a refusal
        # never waits for one itself.
        self._threads = Gate(
            bytes_max=settings.workers, requests_max=settings.workers, monotonic_s=time.monotonic
        )
        pool = ThreadPoolExecutor(2 * settings.workers, thread_name_prefix="export")
        limit = ("grpc.max_receive_message_length", settings.max_message_bytes)
        self._server = grpc.server(pool, options=(*_OPTIONS, limit))
        self._server.add_generic_rpc_handlers(
            tuple(
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.unary_unary_rpc_method_handler(self._export(signal))}
                )
                for service, signal in SERVICES.items()
            )
        )
        self._health = health.HealthServicer(
            experimental_non_blocking=True,  # a watcher must not hold a thread
            experimental_thread_pool=ThreadPoolExecutor(1, thread_name_prefix="health"),
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.tell(ready=False)
        host, _, port = settings.grpc_listen.rpartition(":")
        try:
            bound = self._server.add_insecure_port(settings.grpc_listen)
        except RuntimeError as error:
            raise ListenError(f"cannot listen on {settings.grpc_listen}") from error
        if not bound or (port != "0" and bound != int(port)):
            raise ListenError(f"cannot listen on {settings.grpc_listen}")
        self.address: Final = f"{host}:{bound}"

    def tell(self, *, ready: bool) -> None:
        """Say to those who ask the health service whether requests are taken."""
        serving = health_pb2.HealthCheckResponse
        status = serving.SERVING if ready else serving.NOT_SERVING
        for name in ("", *SERVICES):
            self._health.set(name, status)

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self, deadline_s: float) -> None:
        """Take no new request, let those in flight finish, cut what is left at the deadline."""
        self._server.stop(deadline_s).wait()

    def _outcome(self, signal: Signal, body: bytes, client: str) -> Outcome:
        refusal = self._threads.enter(1, client)
        if refusal is not None:
            self._pipeline.count_refusal(refusal)
            return refusal
        try:
            return self._pipeline.export(signal, body, client)
        finally:
            self._threads.leave(1, client)

    def _export(self, signal: Signal) -> Callable[[bytes, Any], bytes]:
        def export(body: bytes, context: Any) -> bytes:
            outcome = self._outcome(signal, body, client_of(context.peer()))
            if not isinstance(outcome, Refusal):
                return accepted(outcome)
            answer = refused(outcome, self._settings)
            context.set_trailing_metadata(answer.trailers)
            context.set_code(answer.code)
            context.set_details(answer.message)
            return b""

        return export


def client_of(peer: str) -> str:
    """Return the client's address without its port, from gRPC's way to write it."""
    return peer.rpartition(":")[0]
