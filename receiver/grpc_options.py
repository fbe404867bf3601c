"""What the gRPC core is told: large requests made cheap, and what a stranger can hold bounded.

Names are those of grpc/impl/channel_arg_names.h; a name that the core does not know is ignored.
"""

from typing import Any, Final

import grpc

from receiver.settings import ReceiverSettings
from receiver.tls import Certificates
from receiver.watched import Watched

UNREAD_BYTES_MAX: Final = 256 * 2**10
"""Of one body: a usual request of an SDK comes as a whole, of a Collector's the first part. A body
that is read gets a window of its own, up to 1 MiB at a time."""

_CHEAP: Final = (
    ("grpc.so_reuseport", 1),  # several receivers may share one port
    # frames of a whole message; wider reads beside it cost less no more, and 30 KiB a connection
    ("grpc.http2.max_frame_size", 2**24 - 1),
)
_BOUNDS: Final = (
    # What comes of a body that nobody reads yet. The probe would widen it to megabytes a stream,
    # which no gate sees, and a refusal would first have taken in the whole body.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", UNREAD_BYTES_MAX),
    # Compressed messages come as they are: we inflate them, and bound what that takes.
    ("grpc.per_message_decompression", 0),
    ("grpc.max_connection_age_grace_ms", 30_000),
    # A peer that is gone without a word is noticed; one that pings like a flood is sent away.
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
)


def options_of(settings: ReceiverSettings) -> tuple[tuple[str, int], ...]:
    """Return the options of a server."""
    return (
        *_CHEAP,
        *_BOUNDS,
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_concurrent_streams", settings.grpc_streams_max),
        ("grpc.max_allowed_incoming_connections", settings.grpc_connections_max),
        ("grpc.max_metadata_size", settings.grpc_metadata_bytes_max),
        ("grpc.absolute_max_metadata_size", settings.grpc_metadata_bytes_max),
        ("grpc.server_handshake_timeout_ms", round(1e3 * settings.handshake_max_s)),
        ("grpc.max_connection_age_ms", round(1e3 * settings.connection_age_max_s)),
        ("grpc.max_connection_idle_ms", round(1e3 * settings.connection_idle_max_s)),
    )


def credentials_of(certificates: Watched[Certificates]) -> Any:
    """Return credentials that each handshake takes anew, once the files have changed."""
    told = certificates.version

    def fetch() -> Any | None:
        nonlocal told
        found = certificates.get()
        if certificates.version == told:
            return None
        told = certificates.version
        return _configuration(found)

    found = certificates.get()
    return grpc.dynamic_ssl_server_credentials(
        _configuration(found), fetch, require_client_authentication=found.client_ca_pem is not None
    )


def _configuration(found: Certificates) -> Any:
    return grpc.ssl_server_certificate_configuration(
        [(found.key_pem, found.cert_pem)], root_certificates=found.client_ca_pem
    )
