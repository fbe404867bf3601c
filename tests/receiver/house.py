"""A small brain on a real Unix socket, a sender, and a receiver between them."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from knowledge.frames import FrameAnswer, FrameHead, Greeting
from knowledge.framing import Unpacker, pack
from knowledge.schemas import Signal
from knowledge.sequences import Sequences
from receiver.grpc_calls import SERVICES
from receiver.main import Receiver
from receiver.settings import ReceiverSettings

DEADLINE_S = 20.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once `condition` holds; fail after the deadline."""
    until_s = time.monotonic() + DEADLINE_S
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < until_s, f"never happened: {what}"
        tick.wait(0.005)


class Brain:
    """Keeps the rows of frames by their name, and answers as it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[tuple[str, int], pa.Table] = {}
        self.frames_seen = 0
        self.heartbeats: list[dict[str, Any]] = []
        self.respond: Callable[[FrameHead], FrameAnswer | None] = self.kept
        self.connections: list[socket.socket] = []
        self.identity = "brain"
        self.horizon_unix_ns = 0
        self._listener: socket.socket | None = None

    def kept(self, head: FrameHead) -> FrameAnswer:
        return FrameAnswer(epoch=head.epoch, sequence=head.sequence, outcome="kept")

    def _greeting(self) -> Greeting:
        kept: dict[str, Sequences] = {}
        for epoch, sequence in self.rows:
            kept.setdefault(epoch, Sequences()).add(sequence)
        return Greeting(
            brain=self.identity,
            kept=kept,
            horizon_unix_ns=self.horizon_unix_ns,
            ceiling_unix_ns=2**62,
        )

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.path.unlink(missing_ok=True)
        self.hang_up()

    def hang_up(self) -> None:
        """Cut the connections that are open."""
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.connections.clear()

    def table(self, signal: str = "traces") -> pa.Table:
        """Return all rows kept so far of frames of one kind."""
        names = {"traces": "parent_span_id", "metrics": "value", "logs": "template"}
        tables = [t for t in self.rows.values() if names[signal] in t.column_names]
        return pa.concat_tables(t.unify_dictionaries() for t in tables)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            if self._listener is not listener:  # it was stopped before this one was known
                self.hang_up()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        unpacker = Unpacker()
        with connection:
            while True:
                try:
                    data = connection.recv(2**20)
                except OSError:
                    return
                if not data:
                    return
                for message in unpacker.feed(data):
                    if message.header.get("heartbeat"):
                        self.heartbeats.append(dict(message.header))
                        if "hello" in message.header:
                            connection.sendall(pack(self._greeting().as_header()))
                        continue
                    head = FrameHead.from_header(message.header)
                    self.frames_seen += 1
                    answer = self.respond(head)
                    if answer is None:
                        continue
                    if answer.outcome == "kept":
                        table = pa.ipc.open_stream(message.body).read_all()
                        self.rows.setdefault((head.epoch, head.sequence), table)
                    try:
                        connection.sendall(pack(answer.as_header()))
                    except OSError:
                        return


class Sender:
    """Calls Export with raw bytes, as an exporter would."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        self._calls = {
            signal: self._channel.unary_unary(f"/{service}/Export")
            for service, signal in SERVICES.items()
        }

    def export(self, body: bytes, signal: Signal = "traces", **options: Any) -> bytes:
        """Return the response's bytes; raises grpc.RpcError."""
        return bytes(self._calls[signal](body, timeout=DEADLINE_S, **options))

    def refused(self, body: bytes, signal: Signal = "traces") -> grpc.RpcError:
        """Return the error that the export must end with."""
        with pytest.raises(grpc.RpcError) as caught:
            self.export(body, signal)
        return caught.value

    def future(self, body: bytes, signal: Signal = "traces") -> grpc.Future:
        return self._calls[signal].future(body, timeout=DEADLINE_S)

    def close(self) -> None:
        self._channel.close()


class House:
    """A receiver with its sender; stopped together."""

    def __init__(self, settings: ReceiverSettings, *, wait: bool = True) -> None:
        self.receiver = Receiver(settings)
        self.receiver.start()
        self.sender = Sender(self.receiver.address)
        if wait:
            wait_until(lambda: self.receiver.connected, "receiver connects to the brain")

    def sender_passes(self, body: bytes) -> bool:
        """Return whether an export is acknowledged now."""
        try:
            return self.sender.export(body) == b""
        except grpc.RpcError:
            return False

    def stop(self) -> None:
        self.sender.close()
        self.receiver.stop()


Start = Callable[..., House]
