"""The demo's processes: the service and the twin, as anyone would start them."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

from knowledge.framing import Unpacker, pack

START_DEADLINE_S: Final = 30.0
STOP_DEADLINE_S: Final = 15.0
NAMESPACE: Final = "shop"


class DemoError(Exception):
    """The demo cannot go on; the text says why and where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything of one demo is."""

    directory: Path
    otlp: str
    status: str

    @property
    def journal(self) -> Path:
        """The service's memory."""
        return self.directory / "journal.db"

    @property
    def clock_socket(self) -> Path:
        """Where the service's clock is driven."""
        return self.directory / "clock.sock"

    @property
    def cluster_socket(self) -> Path:
        """Where the twin serves the cluster port; all that the service knows of the twin."""
        return self.directory / "cluster.sock"

    @property
    def control_socket(self) -> Path:
        """Where the twin takes faults and tells the truth; the service never sees it."""
        return self.directory / "twin.sock"


def free_address() -> str:
    """Return a loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def service_settings(places: Places, *, start_unix_ns: int) -> dict[str, Any]:
    """The settings of the demo's service: driven clock, short windows, healing on in the shop."""
    return {
        "state_dir": str(places.directory),
        "receiver": {"grpc": {"listen": places.otlp}, "http": {"listen": "127.0.0.1:0"}},
        "status": {"listen": places.status},
        "clock": {"kind": "driven", "start_unix_ns": start_unix_ns},
        "knowledge": {"journal": str(places.journal)},
        "cluster": {"kind": "socket", "socket": str(places.cluster_socket)},
        "analysis": {"window_s": 15.0, "pane_s": 2.5, "lateness_s": 1.0, "lookback_s": 5.0},
        "healing": {"namespaces": {NAMESPACE: "auto"}, "planning_s": 5.0},
    }


class Processes:
    """The service and the twin; ended together, whatever happens."""

    def __init__(self, places: Places, *, seed: int, start_unix_ns: int) -> None:
        self.places = places
        config = places.directory / "homeostat.yaml"
        config.write_text(yaml.safe_dump(service_settings(places, start_unix_ns=start_unix_ns)))
        self._log_path = places.directory / "log.txt"
        self._log = self._log_path.open("wb")
        self._children = [
            self._start("run", "--config", str(config)),
            self._start(
                *("twin", "--otlp", places.otlp, "--seed", str(seed)),
                *("--cluster-socket", str(places.cluster_socket)),
                *("--control-socket", str(places.control_socket)),
                *("--start-unix-ns", str(start_unix_ns)),
            ),
        ]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-P", "-m", "homeostat", *arguments],
            stdin=subprocess.PIPE,  # its end tells the twin that we are gone
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            assert child.stdin is not None
            child.stdin.close()
        self._log.close()

    def wait_until_ready(self) -> None:
        """Wait for all sockets.

        Raises:
            DemoError: a process ended, or is not ready in time.
        """
        deadline = time.monotonic() + START_DEADLINE_S
        places = self.places
        while not (
            places.control_socket.exists()
            and places.clock_socket.exists()
            and _answers(f"http://{places.status}/readyz")
            and _listens(places.otlp)
        ):
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(f"not ready within {START_DEADLINE_S:.0f} s:\n{self.tail()}")
            time.sleep(0.05)  # a poll of processes that cannot call back

    def check(self) -> None:
        """Check that all processes run.

        Raises:
            DemoError: one ended, with the last lines of the log.
        """
        for child in self._children:
            if child.poll() is not None:
                raise DemoError(f"a process ended with code {child.returncode}:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines that the processes wrote."""
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-20:])


class SocketClient:
    """One request, one answer, over a local socket."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        self._socket.connect(str(path))
        self._unpacker = Unpacker()
        self._path = path

    def ask(self, **header: Any) -> dict[str, Any]:
        """Send a request and return the answer's header.

        Raises:
            DemoError: no answer, or one that says that it was not done.
        """
        return self.exchange(header)[0]

    def exchange(
        self, header: Mapping[str, Any], body: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        """Send a request with a body and return the answer's header and body.

        Raises:
            DemoError: no answer, or one that says that it was not done.
        """
        try:
            self._socket.sendall(pack(header, len(body)) + body)
            while True:
                data = self._socket.recv(65536)
                if not data:
                    raise DemoError(f"{self._path} closed on {header}")
                for message in self._unpacker.feed(data):
                    answer = dict(message.header)
                    if not answer.get("ok"):
                        raise DemoError(f"{self._path} refused {header}: {answer.get('error')}")
                    return answer, bytes(message.body)
        except OSError as error:
            raise DemoError(f"{self._path} does not answer {header}: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback URL
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except (OSError, urllib.error.URLError):
        return False


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False
