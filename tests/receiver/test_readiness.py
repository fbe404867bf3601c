"""Short of memory or without a brain a receiver says so, and takes less; then it recovers."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from receiver.admission import Gate
from receiver.counters import Counters
from receiver.pressure import Level, Memory, level_of, measure
from receiver.readiness import Readiness
from receiver.refusal import Refusal
from tests.receiver.house import DEADLINE_S, Brain, Start, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    ("used", "before", "wanted"),
    [
        (84, "normal", "normal"), (85, "normal", "soft"), (95, "normal", "hard"),
        (94, "hard", "hard"), (91, "hard", "hard"), (89, "hard", "soft"),
        (81, "soft", "soft"), (79, "soft", "normal"), (94, "soft", "soft"),
    ],
)  # fmt: skip
def test_levels_are_entered_sooner_than_left(used: int, before: Level, wanted: Level) -> None:
    assert level_of(Memory(used_bytes=used, limit_bytes=100), before) == wanted


def test_without_a_limit_there_is_no_pressure(tmp_path: Path) -> None:
    assert level_of(Memory(used_bytes=2**40, limit_bytes=0), "hard") == "normal"
    assert measure(0, cgroup=tmp_path).limit_bytes == 0


def test_a_cgroup_tells_its_limit_and_what_is_used_without_cache(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 400\ninactive_file 200\n")
    assert measure(0, cgroup=tmp_path) == Memory(used_bytes=500, limit_bytes=1000)
    (tmp_path / "memory.max").write_text("max\n")
    assert measure(0, cgroup=tmp_path).limit_bytes == 0
    assert measure(2**40).used_bytes > 2**20


def test_memory_narrows_the_gate_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    gate = Gate(bytes_max=100, requests_max=100, monotonic_s=lambda: 0.0)
    used, told, counters = [50], list[bool](), Counters()
    readiness = Readiness(
        narrow=gate.open,
        counters=counters,
        connected=lambda: True,
        measure=lambda: Memory(used_bytes=used[0], limit_bytes=100),
        tell=told.append,
    )
    readiness.look()
    used[0] = 99
    readiness.look()
    assert readiness.reason == "short of memory"
    refusal = gate.enter(1, "a")
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "memory"
    used[0] = 50
    readiness.look()
    assert gate.enter(1, "a") is None
    assert told == [True, False, True]
    assert counters.snapshot() == {"memory_hard": 1, "memory_normal": 1}
    assert "not ready: short of memory" in capsys.readouterr().err


def test_the_health_service_tells_whether_the_brain_is_there(start: Start, brain: Brain) -> None:
    house = start()
    with grpc.insecure_channel(house.receiver.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)

        def serves(service: str) -> bool:
            request = health_pb2.HealthCheckRequest(service=service)
            return bool(stub.Check(request, timeout=DEADLINE_S).status == SERVING)

        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        wait_until(lambda: serves("") and serves(service), "ready")
        brain.stop()
        wait_until(lambda: not serves(""), "not ready without a brain")
