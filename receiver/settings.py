"""What a receiver can be told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

Engine = Literal["fast", "reference"]
"""What makes columns of bytes: ptars, or protobuf alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """The settings of one receiver process; sizes are of the inflated request."""

    brain_socket: str
    """Path of the Unix socket on which the brain listens."""

    grpc_listen: str = "127.0.0.1:4317"
    """Address of OTLP/gRPC; port 0 picks a free one. Loopback, as the Collector does: exposing it
    is a decision of the operator."""

    http_listen: str = "127.0.0.1:4318"
    """Address of OTLP/HTTP; port 0 picks a free one."""

    tls_cert_file: str = ""
    """Certificate chain of both servers, PEM; empty: no TLS. Read again when it is replaced."""

    tls_key_file: str = ""
    """Its private key, PEM."""

    tls_client_ca_file: str = ""
    """Authority that signs clients' certificates, PEM; if given, a client must show one."""

    principals_file: str = ""
    """Who may send, by token or certificate, and for which services (see principals.py); empty:
    whoever reaches us. Read again when it is replaced."""

    grpc_connections_max: int = 16_384
    """gRPC connections at the same time; what comes beyond is closed at once."""

    grpc_streams_max: int = 100
    """Requests at the same time on one gRPC connection; a client waits before it sends more."""

    grpc_metadata_bytes_max: int = 16 * 2**10
    """Size of a gRPC request's metadata; a Collector's has some hundred bytes, a token 2 KiB."""

    grpc_body_max_s: float = 10.0
    """How long the body of a gRPC request may take, in seconds; no exporter waits longer."""

    grpc_readers: int = 64
    """gRPC bodies that are read at the same time; others wait in their sockets."""

    connection_idle_max_s: float = 300.0
    """How long a gRPC connection without a request is kept, in seconds."""

    handshake_max_s: float = 10.0
    """How long a handshake (TLS, HTTP/2) may take, in seconds."""

    http_cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may send, `*` for any text: `https://*.example.com`."""

    http_connections_max: int = 16_384
    """Connections at the same time; what comes beyond is closed at once."""

    http_idle_max_s: float = 120.0
    """How long a connection without a request is kept, in seconds; longer than the 60 s or so in
    which exporters of metrics come back."""

    http_head_max_s: float = 10.0
    """How long the head of a request may take, in seconds."""

    connection_age_max_s: float = 600.0
    """After this long a connection is ended between two requests, in seconds, a tenth more or less:
    so that senders spread over receivers that were added later."""

    max_message_bytes: int = 64 * 2**20
    """Largest request, also after inflating; what OTLP 1.11 recommends."""

    items_per_request_max: int = 200_000
    """Spans, points or records of one request. Bounds what a few kB of empty items can cost; the
    Collector's default batch has 8,192."""

    decoder: Engine = "fast"
    """What decodes; the reference costs two to five times as much, and needs protobuf only."""

    inflight_bytes_max: int = 256 * 2**20
    """Bytes of all requests that wait for their answer; beyond it requests are refused. Four of the
    largest, or 70 of the Collector's usual batches."""

    memory_bytes_max: int = 0
    """Resident memory of this process that it stays below by refusing requests; 0: what the
    container's own limit says, if there is one."""

    inflight_requests_max: int = 2048
    """Requests that wait for their answer; beyond it requests are refused."""

    batch_ms: float = 5.0
    """How long the first request of a batch waits for company, in milliseconds. Costs a lone sender
    that much latency, and saves a busy one the fixed cost of decoding (about 0.1 ms a call)."""

    batch_bytes: int = 8 * 2**20
    """Decode at once when so many bytes are gathered: more does not get cheaper per span, and holds
    the interpreter longer."""

    recent_bytes_max: int = 64 * 2**20
    """Bytes of the newest requests that are held as they came, for whoever asks for a trace."""

    frames_inflight_max: int = 8
    """Frames that may wait for the brain's answer: enough to keep both sides busy."""

    wal_folder: str = ""
    """Where the log lies that makes acknowledged requests survive a kill; empty: there is none."""

    wal_bytes_max: int = 4 * 2**30
    """Bytes of the log of this process; beyond it requests are refused. The log reaches about two
    minutes back, at some 200 bytes a span: enough for 150,000 spans a second."""

    wal_segment_bytes: int = 64 * 2**20
    """Bytes after which a file of the log is followed by the next; it is deleted as a whole."""

    handover_timeout_s: float = 8.0
    """How long a request may wait for the brain, in seconds. Below the 10 s after which exporters
    give up, so that the sender hears UNAVAILABLE and tries again."""

    retry_delay_min_s: float = 1.0
    """Shortest advised delay of a retryable refusal, in seconds."""

    retry_delay_max_s: float = 2.0
    """Longest advised delay, in seconds: SDKs drop what they may not retry within their 10 s."""

    workers: int = 128
    """gRPC requests that may wait for their answer at the same time; as many threads again answer
    the refusals."""

    stop_deadline_s: float = 10.0
    """How long a stop waits for the requests in flight, in seconds; more than the hand-over may
    take, less than the 30 s of Kubernetes."""

    def within(self, memory_bytes: int) -> Self:
        """Return the same, holding no more requests than fit into so much memory; 0: no limit.

        A quarter of it for what waits for an answer, as much for what is not admitted yet, an
        eighth for the recent ones: the rest is the process itself and what decoding takes.
        """
        if not memory_bytes:
            return self
        return replace(
            self,
            inflight_bytes_max=min(self.inflight_bytes_max, memory_bytes // 4),
            recent_bytes_max=min(self.recent_bytes_max, memory_bytes // 8),
        )


def read_back(told: Mapping[str, Any]) -> ReceiverSettings:
    """Return the settings that were written as JSON, which has lists only."""
    arguments: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items()
    }
    return ReceiverSettings(**arguments)
