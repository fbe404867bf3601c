"""What a connection of OTLP/HTTP needs of its server."""

from collections.abc import Mapping
from typing import Any, Protocol

from receiver.http_route import Export, Mistake
from receiver.identify import Sender
from receiver.refusal import Refusal


class Host(Protocol):
    """What a connection needs of its server."""

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins of web pages that may send."""

    @property
    def body_bytes_max(self) -> int:
        """Largest body, also when inflated."""

    def opened(self, connection: Any) -> bool:
        """Take note of a connection; False: there are too many."""

    def closed(self, connection: Any) -> None:
        """Forget a connection."""

    def admit(self, headers: Mapping[bytes, bytes], transport: Any) -> Sender | Mistake:
        """Return who sends, or why it may not."""

    def reserve(self, size_bytes: int, client: str) -> Refusal | None:
        """Set memory aside for a body that is on its way."""

    def release(self, size_bytes: int, client: str) -> None:
        """Return memory that was set aside."""

    def export(self, connection: Any, what: Export, body: Any, sender: Sender) -> None:
        """Work on a request; `Connection.settled` is called in the loop once it is done."""

    def count_unread(self, refusal: Refusal) -> Refusal:
        """Count an export that is refused before its body is whole."""

    def count(self, reason: str) -> None:
        """Count a refusal that was decided here."""

    def date(self) -> bytes:
        """Return the time as HTTP writes it."""
