"""Which calls are exports, and who makes them, from metadata alone.

A handler is chosen before a thread or a byte of the body is spent on a call. All of them are
streams of one message to grpcio: a unary handler would first wait for the whole body, also to deny
it. Clients do not see a difference.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, Final

import grpc

from knowledge.schemas import Signal
from receiver.identify import Identity, Sender
from receiver.principals import NOBODY, Principal

SERVICES: Final[dict[str, Signal]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
_METHODS: Final = {f"/{service}/Export": signal for service, signal in SERVICES.items()}

BY_CERTIFICATE: Final = Principal(name="whoever the certificate says")
"""Stands for the principal that is known only once the call is served: handlers are chosen without
sight of the connection."""

Export = Callable[[Signal, Principal, Iterator[bytes], Any], bytes]


class Exports(grpc.GenericRpcHandler):  # type: ignore[misc] # grpcio has no types
    """Chooses the handler of a call."""

    def __init__(
        self, identity: Identity, export: Export, deny: Callable[[Iterator[bytes], Any], bytes]
    ) -> None:
        self._identity = identity
        self._deny = grpc.stream_unary_rpc_method_handler(deny)
        self._handler = lru_cache(maxsize=4096)(
            lambda signal, principal: grpc.stream_unary_rpc_method_handler(
                partial(export, signal, principal)
            )
        )

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of an export; None for what is none."""
        signal = _METHODS.get(handler_call_details.method)
        if signal is None:
            return None
        principal = self._principal(handler_call_details.invocation_metadata)
        return self._deny if principal is None else self._handler(signal, principal)

    def _principal(self, metadata: Any) -> Principal | None:
        if self._identity.is_open:
            return NOBODY
        told = next((value for key, value in metadata if key == "authorization"), None)
        if told is None and self._identity.has_certificates:
            return BY_CERTIFICATE
        return self._identity.of_token(told)


def sender_of(call: Any, principal: Principal, identity: Identity) -> Sender:
    """Return who makes a call. Without a principal the room is shared by address."""
    if principal is NOBODY:
        return Sender(client_of(call.peer()), NOBODY, "grpc")
    if principal is BY_CERTIFICATE:
        told = call.auth_context()
        names = [name.decode() for kind in ("peer_uri", "peer_dns") for name in told.get(kind, ())]
        names += [f"CN={name.decode()}" for name in told.get("x509_common_name", ())]
        principal = identity.of_certificate(names)
    return Sender(principal.name, principal, "grpc")


def client_of(peer: str) -> str:
    """Return the client's address without its port, from gRPC's way to write it."""
    return peer.rpartition(":")[0]
