"""The real Collector takes the files that we ship, and moves telemetry through them to us."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from receiver.settings import ReceiverSettings
from tests.conformance import payload
from tests.parts import cache
from tests.parts.collector import BASE, Collector
from tests.parts.process import free_port
from tests.parts.recipes import OTELCOL
from tests.receiver.house import Brain, House, Sender, wait_until

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(ROOT.glob("otelcol-*.yaml"))
KUBERNETES = ROOT / "otelcol-kubernetes.yaml"
WITHOUT_CLUSTER = (
    "yaml:service::pipelines::traces/homeostat::processors: [memory_limiter, resource/unclaimed]"
)
OTHERS = [
    f"yaml:service::pipelines::{signal}/homeostat::processors: [memory_limiter]"
    for signal in ("metrics", "logs")
]


@pytest.fixture
def brain(tmp_path: Path) -> Iterator[Brain]:
    brain = Brain(tmp_path / "brain.sock")
    brain.start()
    yield brain
    brain.stop()


def house(brain: Brain, port: int = 0) -> House:
    settings = ReceiverSettings(
        brain_socket=str(brain.path),
        grpc_listen=f"127.0.0.1:{port}",
        http_listen="127.0.0.1:0",
        stop_deadline_s=1.0,
    )
    return House(settings)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start a Collector that exports to an address; return the port that it takes gRPC on."""
    started: list[Collector] = []

    def start(target: str, configs: Sequence[str | Path] = (BASE,)) -> int:
        started.append(Collector.start(target, tmp_path, configs))
        return started[-1].port

    yield start
    for each in started:
        each.process.stop()


def _told(command: Sequence[object]) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_there_are_files_to_check() -> None:
    assert {path.name for path in SHIPPED} == {"otelcol-config.yaml", "otelcol-kubernetes.yaml"}


@pytest.mark.parametrize("overlay", [None, KUBERNETES], ids=["base", "kubernetes"])
def test_the_collector_takes_each_file_and_calls_nothing_deprecated(overlay: Path | None) -> None:
    binary = cache.need(OTELCOL) / "otelcol"
    overlays: list[object] = ["--config", overlay] if overlay else []
    told = _told([binary, "validate", "--config", BASE, *overlays])
    assert "deprecated" not in told.lower()


def test_all_signals_come_through(collector: Callable[..., int], brain: Brain) -> None:
    receiver = house(brain)
    sender = Sender(f"127.0.0.1:{collector(receiver.receiver.address)}")
    for signal in ("traces", "metrics", "logs"):
        sender.export(payload.of(signal).SerializeToString(), signal)
    wait_until(lambda: len(brain.rows) >= 3, "the Collector hands all signals on")
    sender.close()
    receiver.stop()
    assert brain.table("traces").column("service").to_pylist() == ["conformance"]
    assert brain.table("metrics").num_rows == 5
    assert brain.table("logs").num_rows == 1


def test_what_an_application_claims_of_kubernetes_is_deleted(
    collector: Callable[..., int], brain: Brain
) -> None:
    receiver = house(brain)
    configs = (BASE, KUBERNETES, WITHOUT_CLUSTER, *OTHERS)
    sender = Sender(f"127.0.0.1:{collector(receiver.receiver.address, configs)}")
    request = payload.trace()
    claims = request.resource_spans[0].resource.attributes
    for key in ("k8s.pod.name", "k8s.pod.uid", "k8s.namespace.name"):
        claims.add(key=key).value.string_value = "somebody-else"
    sender.export(request.SerializeToString())
    wait_until(lambda: len(brain.rows) == 1, "the span arrives")
    sender.close()
    receiver.stop()
    row: dict[str, Any] = brain.table().to_pylist()[0]
    assert (row["service"], row["pod"], row["pod_uid"]) == ("conformance", "", "")
    assert row["namespace"] == ""


def test_a_restart_of_ours_loses_nothing_of_what_the_collector_took(
    collector: Callable[..., int], brain: Brain
) -> None:
    port = free_port()
    receiver = house(brain, port)
    taken = collector(f"127.0.0.1:{port}")
    sender = Sender(f"127.0.0.1:{taken}")
    for number in range(40):
        sender.export(_spans_of(number))
        if number == 20:
            wait_until(lambda: brain.frames_seen > 0, "spans arrive")
            receiver.stop()
        if number == 30:
            receiver = house(brain, port)
    wait_until(lambda: len(_kept(brain)) == 20_000, "all spans arrive")
    sender.close()
    receiver.stop()


def _spans_of(number: int) -> bytes:
    request = payload.trace()
    scope = request.resource_spans[0].scope_spans[0]
    span = scope.spans.pop()
    for index in range(500):
        span.span_id = (number * 500 + index + 1).to_bytes(8, "big")
        scope.spans.append(span)
    return request.SerializeToString()


def _kept(brain: Brain) -> set[bytes]:
    return set(brain.table().column("span_id").to_pylist())
