"""Three backends, Homeostat, and a proxy before the backends: all real, all on loopback."""

import json
import string
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.parts.process import Process, free_port, listens
from tests.parts.proxies import envoy, haproxy

HERE = Path(__file__).parent
FAST_MS, SLOW_MS = 20.0, 200.0


class Place:
    """The parts and their ports; `slow` is the backend that the tests make ten times slower."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backends = [free_port() for _ in range(3)]
        self.slow = self.backends[-1]
        self.otlp, self.web, self.endpoints = free_port(), free_port(), free_port()
        self.haproxy_socket = folder / "haproxy.sock"
        self.last_good = folder / "last-good"
        self.last_good.mkdir()
        self.service: Process | None = None
        self._started: list[Process] = []

    def start_backends(self) -> None:
        words = [f"{port}:{FAST_MS}" for port in self.backends]
        self._part([sys.executable, "-m", "tests.traffic.backends", *words], "backends").wait_until(
            lambda: all(map(listens, self.backends))
        )

    def start_one_backend(self, port: int) -> Process:
        """Start a backend in a process of its own: one that is to be replaced."""
        word = f"{port}:{FAST_MS}"
        part = self._part([sys.executable, "-m", "tests.traffic.backends", word], f"backend-{port}")
        return part.wait_until(lambda: listens(port))

    def replace_by_one_of_its_own(self, port: int) -> Process:
        """Serve all backends anew, one of them by a process that can end alone."""
        self._started[0].stop()
        others = [f"{other}:{FAST_MS}" for other in self.backends if other != port]
        self._part([sys.executable, "-m", "tests.traffic.backends", *others], "backends")
        return self.start_one_backend(port)

    def set_delay(self, port: int, delay_ms: float) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/delay?{delay_ms}", timeout=10):
            return

    def start_service(self, mode: str = "auto", *, has_haproxy: bool = False) -> Process:
        """Start Homeostat with one pool, `shop`."""
        pool: dict[str, Any] = {
            "namespace": "shop",
            "mode": mode,
            "backends": {f"127.0.0.1:{port}": 1.0 for port in self.backends},
        }
        traffic: dict[str, Any] = {
            "endpoints_listen": f"127.0.0.1:{self.endpoints}",
            "last_good": str(self.last_good),
            "pools": {"shop": pool},
        }
        if has_haproxy:
            traffic["haproxy_socket"] = str(self.haproxy_socket)
            pool["haproxy_backend"] = "shop"
        settings = {
            "state_dir": str(self.folder / "state"),
            "receiver": {
                "grpc": {"listen": f"127.0.0.1:{self.otlp}"},
                "http": {"listen": f"127.0.0.1:{free_port()}"},
            },
            "status": {"listen": f"127.0.0.1:{self.web}"},
            "knowledge": {"journal": str(self.folder / "journal.db")},
            "healing": {"namespaces": {"shop": "auto"}, "traffic": traffic},
        }
        config = self.folder / "homeostat.yaml"
        config.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "homeostat", "run", "--config", config]
        self.service = self._part(command, "homeostat")
        ports = (self.otlp, self.web, self.endpoints)
        file = self.last_good / "shop.json"
        return self.service.wait_until(lambda: all(map(listens, ports)) and file.exists())

    def start_envoy(self) -> tuple[Process, int]:
        """Start Envoy; return it and the port that it takes requests on."""
        listen, admin = free_port(), free_port()
        config = self._filled(
            "envoy.yaml",
            ADMIN=admin,
            LISTEN=listen,
            LAST_GOOD=self.last_good,
            ENDPOINTS=self.endpoints,
            OTLP=self.otlp,
        )
        part = self._part(
            [
                *(envoy(), "-c", config, "--concurrency", "1"),
                *("--disable-hot-restart", "--log-level", "warning"),
            ],
            f"envoy-{listen}",
        )
        return part.wait_until(lambda: listens(listen)), listen

    def start_haproxy(self, listen: int, socket: Path | None = None) -> Process:
        """Start HAProxy; with a socket of its own it is one that never hears of us."""
        binary, environ = haproxy()
        a, b, c = self.backends
        config = self._filled(
            "haproxy.cfg", SOCKET=socket or self.haproxy_socket, LISTEN=listen, A=a, B=b, C=c
        )
        part = self._part([binary, "-db", "-f", config], f"haproxy-{listen}", environ)
        return part.wait_until(lambda: listens(listen))

    def pool(self) -> dict[str, Any]:
        """What /status says of the pool."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/status", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)["traffic"][0]
        return found

    def weight(self, port: int) -> float:
        """The weight of a backend that is in force."""
        weights = {w["address"]: w["weight"] for w in self.pool()["weights"]}
        return float(weights[f"127.0.0.1:{port}"])

    def stop(self) -> None:
        for part in reversed(self._started):
            part.stop()

    def _part(
        self, command: list[Any], name: str, environ: dict[str, str] | None = None
    ) -> Process:
        log = self.folder / f"{name}-{time.monotonic_ns()}.log"
        part = Process(command, log=log, environ=environ)
        self._started.append(part)
        return part

    def _filled(self, name: str, **values: object) -> Path:
        config = self.folder / f"{time.monotonic_ns()}-{name}"
        config.write_text(string.Template((HERE / name).read_text()).substitute(values))
        return config
