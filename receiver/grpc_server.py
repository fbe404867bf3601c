"""OTLP/gRPC: unary Export for traces, metrics and logs, on raw bytes.

Who sends is known before anything of the body is read (grpc_calls.py), bodies are read by a bounded
number of readers (grpc_readers.py), and compressed ones are inflated here, within bounds.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2

from knowledge.schemas import Signal
from receiver.admission import Gate
from receiver.answers import accepted, refused
from receiver.grpc_calls import SERVICES, Exports, sender_of
from receiver.grpc_health import health_handler, health_readers
from receiver.grpc_options import credentials_of, options_of
from receiver.grpc_readers import LOOK_S, Readers
from receiver.identify import NOT_KNOWN, Identity, Sender
from receiver.inflate import Coding, TooLargeError, coding_of, inflate
from receiver.pending import Outcome
from receiver.pipeline import Pipeline
from receiver.principals import Principal
from receiver.refusal import NO_MEMORY, Refusal
from receiver.settings import ReceiverSettings
from receiver.tls import Certificates
from receiver.watched import Watched

_USUAL_RATIO: Final = 8
"""What telemetry comes to when it is inflated, as a rule (ids are random)."""

_PLACE_WAIT_S: Final = 1.0
"""How long a request waits for a place among the readers."""


REMEDY: Final = (
    "another process may hold it; stop that one or set receiver.grpc.listen or receiver.http.listen"
)


class ListenError(RuntimeError):
    """It cannot be served as the settings say; the text says why, and what to do."""


class GrpcServer:
    """The gRPC server of one receiver."""

    def __init__(
        self,
        settings: ReceiverSettings,
        pipeline: Pipeline,
        identity: Identity,
        certificates: Watched[Certificates] | None,
    ) -> None:
        """Bind; nothing is served before `start`.

        Raises:
            ListenError: the address is taken or not ours.
        """
        self._settings = settings
        self._pipeline = pipeline
        self._identity = identity
        # A request that waits holds a thread. Twice as many threads as may wait, so that a refusal
        # never waits for one itself.
        self._threads = Gate(
            bytes_max=settings.workers, requests_max=settings.workers, monotonic_s=time.monotonic
        )
        self._readers = Readers(
            places=settings.grpc_readers,
            body_max_s=settings.grpc_body_max_s,
            wait_s=_PLACE_WAIT_S,
            monotonic_s=time.monotonic,
        )
        self._stopped = threading.Event()
        self._watch = threading.Thread(target=self._look, name="readers", daemon=True)
        pool = ThreadPoolExecutor(2 * settings.workers, thread_name_prefix="export")
        self._server = grpc.server(pool, options=options_of(settings))
        self._server.add_generic_rpc_handlers((Exports(identity, self._export, self._deny),))
        self._health = health.HealthServicer(
            experimental_non_blocking=True,  # a watcher must not hold a thread
        )
        self._health_readers = health_readers()
        self._server.add_generic_rpc_handlers((health_handler(self._health, self._health_readers),))
        self.tell(ready=False)
        host, _, port = settings.grpc_listen.rpartition(":")
        try:
            if certificates is None:
                bound = self._server.add_insecure_port(settings.grpc_listen)
            else:
                credentials = credentials_of(certificates)
                bound = self._server.add_secure_port(settings.grpc_listen, credentials)
        except RuntimeError as error:
            raise ListenError(f"cannot listen on {settings.grpc_listen}: {REMEDY}") from error
        if not bound or (port != "0" and bound != int(port)):
            raise ListenError(f"cannot listen on {settings.grpc_listen}: {REMEDY}")
        self.address: Final = f"{host}:{bound}"

    def tell(self, *, ready: bool) -> None:
        """Say to those who ask the health service whether requests are taken."""
        serving = health_pb2.HealthCheckResponse
        status = serving.SERVING if ready else serving.NOT_SERVING
        for name in ("", *SERVICES):
            self._health.set(name, status)

    def open(self, ratio: float) -> None:
        """Serve up to `ratio` of what may be served from now on; the rest is refused unread."""
        self._threads.open(ratio)
        self._readers.open(ratio)

    def start(self) -> None:
        """Serve."""
        self._server.start()
        self._watch.start()

    def stop(self, deadline_s: float) -> None:
        """Take no new request, let those in flight finish, cut what is left at the deadline."""
        self._server.stop(deadline_s).wait()
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(LOOK_S):
            if cancelled := self._readers.look() + self._health_readers.look():
                self._pipeline.count("refused_slow", cancelled)

    def _export(
        self, signal: Signal, shown: Principal, bodies: Iterator[bytes], call: Any
    ) -> bytes:
        """Read the one message of a request and answer it.

        The request is served as a stream of one, since only so a body is read when we say.
        """
        sender = sender_of(call, shown, self._identity)
        refusal = self._threads.enter(1, sender.client)
        if refusal is not None:
            return self._answer(self._counted(refusal), call)
        try:
            outcome = self._outcome(signal, bodies, sender, call)
        finally:
            self._threads.leave(1, sender.client)
        return self._answer(outcome, call)

    def _outcome(
        self, signal: Signal, bodies: Iterator[bytes], sender: Sender, call: Any
    ) -> Outcome:
        refusal = self._pipeline.foretell(sender.client)
        if refusal is not None:  # unread: most of the body does not even come
            return self._counted(refusal)
        reader = self._readers.enter(sender.client, call.cancel)
        if isinstance(reader, Refusal):
            return self._counted(reader)
        try:
            body = next(bodies, None)
        finally:
            self._readers.leave(reader)
        if body is None:
            return self._counted(Refusal(reason="malformed", message="expected one message"))
        coding = coding_of(body)
        whole = body if coding is None else self._inflated(body, coding, sender.client)
        if isinstance(whole, Refusal):
            return self._counted(whole)
        return self._pipeline.export(signal, whole, sender, wire_bytes=len(body))

    def _counted(self, refusal: Refusal) -> Refusal:
        return self._pipeline.count_unread(refusal)

    def _inflated(self, body: bytes, coding: Coding, client: str) -> bytes | Refusal:
        """Inflate a body; until it is admitted, about what it comes to is set aside."""
        limit_bytes, incoming = self._settings.max_message_bytes, self._pipeline.incoming
        size_bytes = min(_USUAL_RATIO * len(body), limit_bytes)
        refusal = incoming.enter(size_bytes, client)
        if refusal is not None:
            return refusal
        try:
            return inflate(body, coding, limit_bytes)
        except TooLargeError as error:
            return Refusal(reason="too_large", message=f"{error} (receiver.max_message_bytes)")
        except ValueError as error:
            return Refusal(reason="malformed", message=str(error))
        except MemoryError:
            return NO_MEMORY
        finally:
            incoming.leave(size_bytes, client)

    def _deny(self, _bodies: Iterator[bytes], call: Any) -> bytes:
        """Answer one that does not show who it is; its body stays unread."""
        refusal = Refusal(reason="unauthenticated", message=NOT_KNOWN)
        return self._answer(self._counted(refusal), call)

    def _answer(self, outcome: Outcome, call: Any) -> bytes:
        if not isinstance(outcome, Refusal):
            return accepted(outcome)
        answer = refused(outcome, self._settings)
        call.set_trailing_metadata(answer.trailers)
        call.set_code(answer.code)
        call.set_details(answer.message)
        return b""
