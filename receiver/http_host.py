"""What a connection of OTLP/HTTP needs of its server."""

from collections.abc import Mapping
from typing import Any, Protocol

from receiver.http_route import Export, Mistake
from receiver.identify import Sender
from receiver.pending import Pending
from receiver.refusal import Refusal


class Exporting:
    """One export of a connection, told from those before and after it by identity.

    An outcome may come when its request was given up and the connection is busy with the next.
    """

    __slots__ = ("pending", "what")

    def __init__(self, what: Export) -> None:
        self.what = what
        self.pending: Pending | None = None
        """What the pipeline knows it as, once it does."""


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

    def export(self, connection: Any, one: Exporting, body: Any, sender: Sender) -> None:
        """Work on a request; `Connection.settled` is called with `one` in the loop once done."""

    def count_unread(self, refusal: Refusal) -> Refusal:
        """Count an export that is refused before its body is whole."""

    def count(self, reason: str) -> None:
        """Count a refusal that was decided here."""

    def date(self) -> bytes:
        """Return the time as HTTP writes it."""
