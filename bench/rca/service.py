"""The real service as its user would start it, with a clock that a recording drives."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

import grpc
import yaml

from bench.rca.schedule import Due
from homeostat.demo.processes import SocketClient, free_address
from knowledge.schemas import Signal

START_S: Final = 60.0
CLOCK_S: Final = 300.0
"""A catch-up over a long hole is many ticks in one answer."""
EXPORT_S: Final = 60.0
IN_FLIGHT: Final = 4
_EXPORT: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


class ServiceError(Exception):
    """The service cannot be measured; the text says why, with the end of its log."""


class Service:
    """`homeostat run` in a directory of its own; OTLP in over gRPC, /status and diagnoses out."""

    def __init__(self, directory: Path, *, start_unix_ns: int) -> None:
        self._directory = directory
        self._otlp, self._web = free_address(), free_address()
        self.cluster_socket = directory / "cluster.sock"
        settings = {
            "state_dir": str(directory),
            "receiver": {"grpc": {"listen": self._otlp}},
            "status": {"listen": self._web},
            "clock": {"kind": "driven", "start_unix_ns": start_unix_ns},
            "knowledge": {"journal": str(directory / "journal.db")},
            "cluster": {"kind": "socket", "socket": str(self.cluster_socket)},
            "healing": {"mode": "suggest"},
        }
        config = directory / "homeostat.yaml"
        config.write_text(yaml.safe_dump(settings))
        self._log = directory / "log.txt"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "homeostat", "run", "--config", str(config)],
                stdout=log,
                stderr=log,
            )
        self._threads = ThreadPoolExecutor(IN_FLIGHT)
        self._channel = grpc.insecure_channel(
            self._otlp, options=[("grpc.max_send_message_length", -1)]
        )
        self._calls = {s: self._channel.unary_unary(path) for s, path in _EXPORT.items()}
        self._clock: SocketClient | None = None

    def __enter__(self) -> Self:
        until = time.monotonic() + START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise ServiceError(f"the service did not start:\n{self.tail()}")
            time.sleep(0.05)
        self._clock = SocketClient(self._directory / "clock.sock", timeout_s=CLOCK_S)
        return self

    def __exit__(self, *_: object) -> None:
        if self._clock is not None:
            self._clock.close()
        self._threads.shutdown()
        self._channel.close()
        self._process.terminate()
        try:
            self._process.wait(15.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return (self._directory / "clock.sock").exists() and bool(self.status()["receivers"])
        except (OSError, ValueError, urllib.error.URLError):
            return False

    def send(self, dues: list[Due]) -> None:
        """Send requests and wait until all are acknowledged.

        Raises:
            ServiceError: one was refused.
        """
        try:
            list(self._threads.map(self._send, dues))
        except grpc.RpcError as error:
            raise ServiceError(f"a request was refused: {error}\n{self.tail()}") from error

    def _send(self, due: Due) -> None:
        self._calls[due.signal](due.body, timeout=EXPORT_S, wait_for_ready=True)

    def advance(self, to_unix_ns: int) -> dict[str, Any]:
        """Move the clock and return what /status says then."""
        assert self._clock is not None
        self._clock.ask(method="advance", to_unix_ns=to_unix_ns)
        status = self.status()
        if status["halted"]:
            raise ServiceError(f"the service halted: {status['halted']}\n{self.tail()}")
        return status

    def status(self) -> dict[str, Any]:
        """What /status says."""
        with urllib.request.urlopen(f"http://{self._web}/status", timeout=60) as answer:
            status: dict[str, Any] = json.load(answer)
        return status

    def diagnose(self, onset_unix_s: float, leave_out: list[tuple[float, float]]) -> dict[str, Any]:
        """Ask for the cause of what began at `onset_unix_s`."""
        question = {
            "onset_unix_s": onset_unix_s,
            "leave_out": [{"from_unix_s": a, "to_unix_s": b} for a, b in leave_out],
        }
        request = urllib.request.Request(
            f"http://{self._web}/api/v1/diagnose",
            data=json.dumps(question).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            diagnosis: dict[str, Any] = json.load(answer)
        return diagnosis

    def tail(self) -> str:
        """The last lines of the service's log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
