"""The receiver process: from its settings to its exit code."""

import resource
import signal
import sys
import threading
import uuid
from pathlib import Path
from typing import Final

import pyarrow as pa

from receiver.counters import Counters
from receiver.engines import why_slow
from receiver.grpc_server import GrpcServer, ListenError
from receiver.handover import Handover
from receiver.http_server import HttpServer
from receiver.identify import Identity
from receiver.memory import keep_large_buffers, settle
from receiver.pipeline import Pipeline
from receiver.pressure import measure
from receiver.readiness import Readiness
from receiver.recent import RecentRequests
from receiver.settings import ReceiverSettings
from receiver.tls import watched_certificates
from receiver.wal.folder import FolderError
from receiver.wal.log import Log, LogSettings

CANNOT_LISTEN: Final = 3
"""Exit code of a process that told why it cannot serve; 1 is that of a bug."""


class Receiver:
    """One running receiver: server, pipeline and the way to the brain."""

    def __init__(self, settings: ReceiverSettings) -> None:
        """Bind the addresses, take a folder for the log; raises ListenError or FolderError."""
        settings = settings.within(measure(settings.memory_bytes_max).limit_bytes)
        self._settings = settings
        self.epoch = uuid.uuid4().hex
        self.counters = Counters()
        self.recent = RecentRequests(bytes_max=settings.recent_bytes_max)
        self._log = self._opened_log() if settings.wal_folder else None
        self._handover = Handover(
            path=settings.brain_socket,
            epoch=self.epoch,
            counters=self.counters,
            inflight_max=settings.frames_inflight_max,
            timeout_s=settings.handover_timeout_s,
            recent=self.recent,
            log=self._log,
        )
        self._pipeline = Pipeline(settings, self._handover, self.recent, self.counters)
        try:
            identity = Identity(settings)
            certificates = watched_certificates(settings)
        except ValueError as error:
            raise ListenError(str(error)) from error
        self._http = HttpServer(settings, self._pipeline, self.counters, identity, certificates)
        try:
            self._grpc = GrpcServer(settings, self._pipeline, identity, certificates)
        except ListenError:
            self._http.stop(0.0)
            raise

        self.readiness = Readiness(
            narrow=self._narrow,
            counters=self.counters,
            connected=lambda: self._handover.connected,
            measure=lambda: measure(settings.memory_bytes_max),
            tell=lambda ready: self._grpc.tell(ready=ready),
        )

    def _narrow(self, ratio: float) -> None:
        for gate in (self._pipeline.gate, self._pipeline.incoming, self._grpc):
            gate.open(ratio)

    def _opened_log(self) -> Log:
        settings = LogSettings(
            folder=Path(self._settings.wal_folder),
            bytes_max=self._settings.wal_bytes_max,
            segment_bytes=self._settings.wal_segment_bytes,
        )
        return Log(settings, epoch=self.epoch, counters=self.counters)

    @property
    def address(self) -> str:
        """Where it listens for gRPC, host:port."""
        return self._grpc.address

    @property
    def http_address(self) -> str:
        """Where it listens for HTTP, host:port."""
        return self._http.address

    @property
    def connected(self) -> bool:
        """Whether the brain is there."""
        return self._handover.connected

    def in_flight(self) -> tuple[int, int]:
        """Return the requests and the bytes that are held, admitted or not yet."""
        gates = (self._pipeline.gate.in_flight(), self._pipeline.incoming.in_flight())
        return sum(requests for requests, _ in gates), sum(size for _, size in gates)

    def start(self) -> None:
        """Serve, and say where; returns at once."""
        if self._log is not None:
            self._log.start()
        self._handover.start()
        self._pipeline.start()
        self._grpc.start()
        self._http.start()
        sys.stderr.write(
            f"receiver listening grpc={self.address} http={self.http_address} epoch={self.epoch}\n"
        )
        slow = why_slow(self._settings.decoder)
        if slow is not None:
            sys.stderr.write(f"receiver: {slow}\n")
        sys.stderr.flush()
        self.readiness.start()

    def stop(self) -> None:
        """Take no new request, finish those in flight within the deadline, then let go."""
        self.readiness.stop()
        http = threading.Thread(target=self._http.stop, args=(self._settings.stop_deadline_s,))
        http.start()
        self._grpc.stop(self._settings.stop_deadline_s)
        http.join()
        self._pipeline.stop()
        self._handover.close()
        if self._log is not None:
            self._log.close()


def _allow_many_connections() -> None:
    """Raise the soft limit of open files, often 1,024, to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(settings: ReceiverSettings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    _allow_many_connections()
    keep_large_buffers()
    pa.set_cpu_count(1)  # this process is one core's worth, more of them share the port
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        receiver = Receiver(settings)
    except (FolderError, ListenError) as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_LISTEN
    receiver.start()
    settle()
    stop.wait()
    receiver.stop()
    return 0
