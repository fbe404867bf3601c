"""Spans through the real Collector, with a log: none is lost when all of Homeostat is killed."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.parts.collector import BASE, Collector
from tests.whole.conftest import Service
from tests.whole.load import EXPORT, batch

SPANS_PER_REQUEST = 1000
DEADLINE_S = 600.0
PATIENT = (
    # our file gives a Collector up after 30 s, which suits windows; here it keeps all it was given
    "yaml:exporters::otlp_grpc/homeostat::retry_on_failure::max_elapsed_time: 600s",
    "yaml:exporters::otlp_grpc/homeostat::sending_queue::queue_size: 1073741824",
)


def _send(port: int, service: Service, count: int) -> Iterator[int]:
    """Send `count` spans to the Collector; yield how many it has acknowledged."""
    end_unix_ns = service.start_unix_ns + 10**9
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary(EXPORT)
        for sent in range(0, count, SPANS_PER_REQUEST):
            export(batch("million", end_unix_ns, SPANS_PER_REQUEST), timeout=60)
            yield sent + SPANS_PER_REQUEST


def _kill_all(service: Service) -> None:
    pids = [service.pids(name)[-1] for name in ("brain", "receiver-0", "receiver-1")]
    service.let_go()
    service.process.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    service.process.wait()


def _kept(service: Service) -> int:
    return int(service.status()["freshness"]["traces"]["rows"])


def _wait_for(service: Service, count: int) -> None:
    until_s = time.monotonic() + DEADLINE_S
    while _kept(service) < count and time.monotonic() < until_s:
        threading.Event().wait(0.2)


def test_none_is_lost_and_none_counts_twice_when_all_of_it_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count: int = request.config.getoption("spans")
    directory = tmp_path / "homeostat"
    directory.mkdir()
    service = Service(
        directory,
        receiver={"durability": "wal", "processes": 2},
        analysis={"window_s": 30.0, "lateness_s": 0.0, "retention_s": 60.0},
    )
    collector = Collector.start(service.otlp, tmp_path, (BASE, *PATIENT))
    began_s, kept_at_kill = time.monotonic(), 0
    for sent in _send(collector.port, service, count):
        if sent == count // 2 // SPANS_PER_REQUEST * SPANS_PER_REQUEST:
            service.until(lambda: _kept(service) > 0)
            kept_at_kill = _kept(service)
            _kill_all(service)
            service.start()
    _wait_for(service, count)
    status: dict[str, Any] = service.advance(10)
    rows = status["freshness"]["traces"]["rows"]
    sys.stdout.write(
        f"\n{count} spans, killed with {kept_at_kill} kept: {rows} rows, "
        f"{[row['span_count'] for row in status['services']]} in the window, "
        f"{time.monotonic() - began_s:.0f} s\n"
    )
    collector.process.stop()
    assert service.stop() == 0
    assert kept_at_kill > 0
    assert [row["span_count"] for row in status["services"]] == [count]
