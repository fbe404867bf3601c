"""From what a request shows of its sender to the sender, before its body is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from receiver.principals import NOBODY, Principal, Principals
from receiver.settings import ReceiverSettings
from receiver.watched import Watched

Transport = Literal["grpc", "http"]
_SCHEME: Final = "bearer "
NOT_KNOWN: Final = "expected `Authorization: Bearer TOKEN` with a token of receiver.principals_file"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request. `client` is the one with whom it shares its part of the room."""

    client: str
    principal: Principal = NOBODY
    transport: Transport = "grpc"


class Identity:
    """Knows senders by token or certificate; asks nobody where neither is set up."""

    def __init__(self, settings: ReceiverSettings) -> None:
        """Read the principals.

        Raises:
            ValueError: their file cannot be used.
        """
        self.has_certificates: Final = bool(settings.tls_client_ca_file)
        self._principals: Watched[Principals] | None = None
        if settings.principals_file:
            path = Path(settings.principals_file)
            self._principals = Watched([path], lambda: Principals.read(path))
        self.is_open: Final = self._principals is None and not self.has_certificates

    def of_token(self, authorization: str | None) -> Principal | None:
        """Return whose token an Authorization header shows; None: nobody's."""
        if authorization is None or self._principals is None:
            return None
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        return self._principals.get().of_token(authorization[len(_SCHEME) :].strip())

    def of_certificate(self, names: Sequence[str]) -> Principal:
        """Return whose verified certificate has these names."""
        known = self._principals.get() if self._principals else Principals()
        return known.of_certificate(names)
