"""OTLP/HTTP: one event loop in a thread of its own, which the pipeline's threads answer into.

The loop only moves bytes. What takes longer (inflating, JSON) is done by one worker thread, and
decoding by the pipeline.
"""

import asyncio
import contextlib
import email.utils
import errno
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from receiver.counters import Counters
from receiver.grpc_server import REMEDY, ListenError
from receiver.http_body import Body
from receiver.http_connection import Connection
from receiver.http_host import Exporting
from receiver.http_limits import judge
from receiver.http_route import Mistake
from receiver.http_tls import Tls
from receiver.identify import NOT_KNOWN, Identity, Sender
from receiver.inflate import TooLargeError, inflate
from receiver.pending import Outcome
from receiver.pipeline import Pipeline
from receiver.principals import NOBODY, Principal
from receiver.refusal import Refusal
from receiver.settings import ReceiverSettings
from receiver.tls import Certificates
from receiver.watched import Watched

_UNAUTHENTICATED: Final = Mistake(
    status=401,
    reason="unauthenticated",
    message=NOT_KNOWN,
    headers={b"WWW-Authenticate": b"Bearer"},
)
_SWEEP_S: Final = 0.5
_INLINE_BYTES: Final = 4096
"""Compressed bodies up to this size are inflated in the loop: at most some 4 MB, 8 ms."""


class HttpServer:
    """The HTTP server of one receiver."""

    def __init__(
        self,
        settings: ReceiverSettings,
        pipeline: Pipeline,
        counters: Counters,
        identity: Identity,
        certificates: Watched[Certificates] | None,
    ) -> None:
        """Bind; nothing is served before `start`.

        Raises:
            ListenError: the address is taken or not ours.
        """
        self._settings = settings
        self._pipeline = pipeline
        self._counters = counters
        self._identity = identity
        self._certificates = certificates
        self._socket = _bound(settings.http_listen)
        host = settings.http_listen.rpartition(":")[0]
        self.address: Final = f"{host}:{self._socket.getsockname()[1]}"
        self._connections: dict[Connection, float] = {}
        self._settled: deque[tuple[Connection, Exporting, Outcome]] = deque()
        self._woken = False
        self._date = b""
        self._draining = False
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="inflate")
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """Take no new request, let those in flight finish, cut what is left at the deadline."""
        if not self._thread.is_alive():
            self._socket.close()
            self._loop.close()
            return
        asyncio.run_coroutine_threadsafe(self._drain(deadline_s), self._loop).result()
        self._thread.join()
        self._worker.shutdown()

    # what a connection needs: http_host.Host

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins of web pages that may send."""
        return self._settings.http_cors_origins

    @property
    def body_bytes_max(self) -> int:
        """Largest body, also when inflated."""
        return self._settings.max_message_bytes

    def opened(self, connection: Connection) -> bool:
        """Take note of a connection; False: there are too many."""
        if len(self._connections) >= self._settings.http_connections_max or self._draining:
            self.count("connections")
            return False
        age_s = self._settings.connection_age_max_s
        self._connections[connection] = connection.opened_s + age_s * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        return True

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)

    def admit(self, headers: Mapping[bytes, bytes], transport: Any) -> Sender | Mistake:
        """Return who sends, or why it may not."""
        if self._identity.is_open:
            return Sender(_client_of(transport), NOBODY, "http")
        told = headers.get(b"authorization")
        if told is None and self._identity.has_certificates:
            names = transport.get_extra_info("certificate_names")
            principal: Principal | None = self._identity.of_certificate(names)
        else:
            shown = None if told is None else told.decode("latin-1")
            principal = self._identity.of_token(shown)
        if principal is None:
            return _UNAUTHENTICATED
        return Sender(principal.name, principal, "http")

    def reserve(self, size_bytes: int, client: str) -> Refusal | None:
        """Set memory aside for a body that is on its way."""
        told = self._pipeline.foretell(client)
        return self._pipeline.incoming.enter(size_bytes, client) if told is None else told

    def release(self, size_bytes: int, client: str) -> None:
        """Return memory that was set aside."""
        self._pipeline.incoming.leave(size_bytes, client)

    def count_unread(self, refusal: Refusal) -> Refusal:
        """Count an export that is refused before its body is whole."""
        return self._pipeline.count_unread(refusal)

    def count(self, reason: str) -> None:
        """Count a refusal that was decided before the pipeline."""
        self._counters.add(f"refused_{reason}")

    def date(self) -> bytes:
        """Return the time as HTTP writes it."""
        return self._date

    def export(self, connection: Connection, one: Exporting, body: Body, sender: Sender) -> None:
        """Work on a request; the connection is told in the loop once it is done."""
        what = one.what
        if what.encoding == "protobuf" and what.coding == "identity":
            self._submit(connection, one, body.take(), sender)
        elif what.encoding == "protobuf" and body.received_bytes <= _INLINE_BYTES:
            self._prepare(connection, one, body, sender)
        else:
            self._worker.submit(self._prepare, connection, one, body, sender)

    # by any thread

    def _prepare(self, connection: Connection, one: Exporting, held: Body, sender: Sender) -> None:
        """Make the protobuf of a request that is compressed or JSON, and hand it on.

        What was set aside for its body is given back once the pipeline has it.
        """
        what, wire_bytes = one.what, held.received_bytes
        try:
            body = held.whole()
            if what.coding != "identity":
                body = inflate(body, what.coding, self.body_bytes_max)
            if what.encoding == "json":
                from receiver.otlp_json import to_protobuf  # noqa: PLC0415 - rarely needed, dear

                body = to_protobuf(what.signal, body)
        except TooLargeError as error:
            message = f"{error} (receiver.max_message_bytes)"
            self._settle(connection, one, Refusal(reason="too_large", message=message))
        except ValueError as error:
            self._settle(connection, one, Refusal(reason="malformed", message=str(error)))
        else:
            self._submit(connection, one, body, sender, wire_bytes)
        finally:
            held.drop()

    def _submit(
        self,
        connection: Connection,
        one: Exporting,
        body: bytes,
        sender: Sender,
        wire_bytes: int = 0,
    ) -> None:
        one.pending = self._pipeline.submit(
            one.what.signal,
            body,
            sender,
            lambda told: self._tell(connection, one, told),
            wire_bytes=wire_bytes,
        )

    def _settle(self, connection: Connection, one: Exporting, refusal: Refusal) -> None:
        """Refuse what the pipeline has not seen."""
        self._tell(connection, one, self.count_unread(refusal))

    def _tell(self, connection: Connection, one: Exporting, outcome: Outcome) -> None:
        """Have the loop answer; it is woken once for many."""
        self._settled.append((connection, one, outcome))
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(self._answer)

    # in the loop

    def _answer(self) -> None:
        self._woken = False
        while self._settled:
            connection, one, outcome = self._settled.popleft()
            connection.settled(one, outcome)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._protocol, sock=self._socket, backlog=1024)
        self._listener = server
        while not self._stopped.is_set():
            self._date = email.utils.formatdate(usegmt=True).encode()
            self._sweep(time.monotonic())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _SWEEP_S)

    def _protocol(self) -> asyncio.Protocol:
        connection = Connection(self)
        if self._certificates is None:
            return connection
        return Tls(connection, self._certificates.get().context)

    def _sweep(self, now_s: float) -> None:
        """End connections that have been waited for long enough."""
        for connection, expires_s in list(self._connections.items()):
            waited_s = now_s - connection.changed_s
            received_bytes = connection.body.received_bytes
            match judge(connection.state, waited_s, received_bytes, self._settings):
                case "end":
                    connection.end()
                case "slow":
                    connection.time_out()
                case "unanswered" if (one := connection.exporting) is not None:
                    connection.settled(one, self._pipeline.give_up(one.pending))
                case "keep" if now_s > expires_s or self._draining:
                    connection.grow_old()
                case _:
                    pass

    async def _drain(self, deadline_s: float) -> None:
        self._listener.close()
        self._draining = True
        until_s = time.monotonic() + deadline_s
        while self._connections and time.monotonic() < until_s:
            self._sweep(time.monotonic())
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.end()
        self._stopped.set()


def _client_of(transport: Any) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else "unknown"


def _bound(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # receivers may share one port
    try:
        bound.bind((host.strip("[]"), int(port)))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else error.strerror
        raise ListenError(f"cannot listen on {address}: {why}; {REMEDY}") from error
    return bound
