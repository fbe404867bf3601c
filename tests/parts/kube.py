"""What a person does with kubectl, for tests: plain JSON to one API server, nothing of ours."""

import http.client
import json
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

TIMEOUT_S: Final = 30.0
FOUND: Final = range(200, 300)


@cache
def _context(authority: Path, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Reading certificates takes longer than most requests: once for each user."""
    context = ssl.create_default_context(cafile=authority)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


class KubeError(Exception):
    """The API server said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Kube:
    """One user of one API server."""

    port: int
    authority: Path
    certificate: Path | None = None
    key: Path | None = None
    token: str = ""

    def ask(
        self, method: str, path: str, body: Any = None, content: str = "application/json"
    ) -> Any:
        """Return what the server answers.

        Raises:
            KubeError: it refused.
        """
        context = _context(self.authority, self.certificate, self.key)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=context, timeout=TIMEOUT_S
        )
        headers = {"Content-Type": content}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(
                method, path, json.dumps(body) if body is not None else None, headers
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status not in FOUND:
            raise KubeError(answer.status, text.decode(errors="replace"))
        try:
            return json.loads(text)
        except ValueError:  # /readyz and its like answer in words
            return text.decode()

    def get(self, path: str) -> Any:
        """Read."""
        return self.ask("GET", path)

    def create(self, path: str, body: Any) -> Any:
        """Create an object in a collection."""
        return self.ask("POST", path, body)

    def merge(self, path: str, body: Any) -> Any:
        """Change by merge patch."""
        return self.ask("PATCH", path, body, "application/merge-patch+json")

    def replace(self, path: str, body: Any) -> Any:
        """Put an object in place of what is there."""
        return self.ask("PUT", path, body)

    def delete(self, path: str) -> Any:
        """Delete."""
        return self.ask("DELETE", path)
