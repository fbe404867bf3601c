"""Senders that nobody here wrote deliver every span, also while receivers are started anew."""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.parts import cache
from tests.parts.collector import Collector
from tests.parts.process import Process
from tests.parts.recipes import OTELCOL, SENDER_GO, SENDER_JS
from tests.whole.conftest import Service

COUNT = 3000
DEADLINE_S = 180.0


def _senders(service: Service) -> Mapping[str, Sequence[str | Path]]:
    grpc, http = service.otlp, service.otlp_http
    python = (sys.executable, "-m", "tests.collector.sender")
    go = (cache.need(SENDER_GO) / "sender",)
    node = ("node", cache.need(SENDER_JS) / "sender.mjs")
    each: dict[str, Sequence[str | Path]] = {
        "python-grpc": (*python, "grpc", grpc),
        "python-http": (*python, "http", http),
        "go-grpc": (*go, "grpc", grpc),
        "go-http": (*go, "http", http),
        "js-grpc": (*node, "grpc", grpc),
        "js-proto": (*node, "proto", http),
        "js-json": (*node, "json", http),
    }
    return {name: (*command, name, str(COUNT)) for name, command in each.items()}


def _telemetrygen(endpoint: str, service: str, count: int, rate: int) -> Sequence[str | Path]:
    binary = cache.need(OTELCOL) / "telemetrygen"
    flags = ("--otlp-insecure", "--otlp-endpoint", endpoint, "--service", service)
    return (binary, "traces", *flags, "--traces", str(count), "--rate", str(rate))


def _wait_for(processes: Mapping[str, Process]) -> None:
    until_s = time.monotonic() + DEADLINE_S
    for name, process in processes.items():
        code = process.wait(max(0.1, until_s - time.monotonic()))
        assert code == 0, f"{name} ended with {code}:\n{process.tail()}"


def _starts(service: Service) -> int:
    return service.log.read_text().count("receiver ready")


def _counts(status: Mapping[str, Any]) -> dict[str, int]:
    return {row["service"]: row["span_count"] for row in status["services"]}


def test_every_official_sender_delivers_all_through_restarts_of_receivers(tmp_path: Path) -> None:
    directory = tmp_path / "homeostat"
    directory.mkdir()
    service = Service(directory, receiver={"durability": "wal", "processes": 2})
    collector = Collector.start(service.otlp, tmp_path)
    commands = dict(_senders(service))
    commands["telemetrygen"] = _telemetrygen(service.otlp, "telemetrygen", COUNT, 1000)
    through = f"127.0.0.1:{collector.port}"
    commands["collector"] = _telemetrygen(through, "collector", COUNT, 1000)
    running = {
        name: Process(command, log=tmp_path / f"{name}.log") for name, command in commands.items()
    }
    service.until(lambda: service.status()["freshness"]["traces"]["rows"] > 0)
    for number, receiver in enumerate(("receiver-0", "receiver-1")):
        os.kill(service.pids(receiver)[-1], signal.SIGTERM)
        service.until(lambda: _starts(service) == 3 + number)  # noqa: B023 - called at once
    _wait_for(running)
    service.until(lambda: service.status()["freshness"]["traces"]["rows"] >= COUNT * 11)
    counts = _counts(service.advance(120))
    collector.process.stop()
    assert service.stop() == 0
    assert counts == dict.fromkeys(commands, COUNT)
