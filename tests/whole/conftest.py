"""The real service as processes of its own, on loopback, with a driven clock."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeostat.demo.processes import SocketClient, free_address

DEADLINE_S = 90.0


class Service:
    """`homeostat run` with a clock that the test drives; start it, ask it, end it."""

    def __init__(
        self, directory: Path, *, receiver: Mapping[str, Any] | None = None, **sections: Any
    ) -> None:
        self.directory = directory
        self.otlp = free_address()
        self.otlp_http = free_address()
        self.web = free_address()
        self.start_unix_ns = time.time_ns() // 10**10 * 10**10
        self.now_unix_ns = self.start_unix_ns
        settings = {
            "state_dir": str(directory),
            "receiver": {
                "grpc": {"listen": self.otlp},
                "http": {"listen": self.otlp_http},
                **(receiver or {}),
            },
            "status": {"listen": self.web},
            "clock": {"kind": "driven", "start_unix_ns": self.start_unix_ns},
            "knowledge": {"journal": str(directory / "journal.db")},
            "analysis": {"window_s": 600.0, "lateness_s": 0.0, "retention_s": 600.0},
            **sections,
        }
        config = directory / "homeostat.yaml"
        config.write_text(yaml.safe_dump(settings))
        self._config = config
        self.log = directory / "log.txt"
        self.start()

    def start(self) -> None:
        """Start it, also again after its end; the log goes on."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "homeostat", "run", "--config", str(self._config)],
                stdout=log,
                stderr=log,
            )
        self.find_clock()

    def find_clock(self) -> None:
        """Connect to the clock of the present brain, once receivers have found it too."""
        self.until(self.is_ready)
        self._clock = SocketClient(self.directory / "clock.sock", timeout_s=DEADLINE_S)

    def until(self, is_true: Any) -> float:
        """Poll until something holds; return the seconds that it took."""
        began = time.monotonic()
        while not is_true():
            if self.process.poll() is not None or time.monotonic() - began > DEADLINE_S:
                self.process.kill()
                pytest.fail(self.log.read_text())
            time.sleep(0.005)
        return time.monotonic() - began

    def is_ready(self) -> bool:
        """Whether the brain answers and a receiver has found it."""
        try:
            return (self.directory / "clock.sock").exists() and bool(self.status()["receivers"])
        except OSError:
            return False

    def pids(self, name: str) -> list[int]:
        """The process ids of a child, oldest first."""
        lines = self.log.read_text().splitlines()
        return [int(line.rpartition("=")[2]) for line in lines if f"{name} started pid=" in line]

    def kill(self, name: str) -> None:
        """End the present process of a child as nothing can defend against."""
        os.kill(self.pids(name)[-1], signal.SIGKILL)

    def advance(self, seconds: float) -> dict[str, Any]:
        """Move the clock on and return what /status says then."""
        self.now_unix_ns += int(seconds * 1e9)
        self._clock.ask(method="advance", to_unix_ns=self.now_unix_ns)
        return self.status()

    def status(self) -> dict[str, Any]:
        """What /status says."""
        with urllib.request.urlopen(f"http://{self.web}/status", timeout=10) as answer:
            status: dict[str, Any] = json.load(answer)
        return status

    def let_go(self) -> None:
        """Close the driver's connection."""
        self._clock.close()

    def stop(self) -> int:
        """End the service as its user would; return its exit code."""
        self.let_go()
        self.process.terminate()
        return self.process.wait(DEADLINE_S)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    if service.process.poll() is None:
        assert service.stop() == 0, service.log.read_text()
