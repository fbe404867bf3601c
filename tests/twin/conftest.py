"""A story (a world, advanced by seconds, and what it said last), a collector of OTLP, a peer."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from knowledge.cluster import (
    Change,
    Pod,
    Restart,
    RollBackRelease,
    Scale,
    Workload,
    WriteIntent,
    WriteOutcome,
)
from knowledge.framing import Message, Unpacker, pack
from twin.model import NS_PER_S, System
from twin.shop import SHOP
from twin.telemetry import Parcel, SpanRecord
from twin.world import World

START_UNIX_NS = 1_800_000_000 * NS_PER_S
DEADLINE_S = 20.0


class Story:
    def __init__(self, seed: int = 1, system: System = SHOP) -> None:
        self.world = World(system, seed, START_UNIX_NS)
        self.parcels: tuple[Parcel, ...] = ()
        self._ids = count(1)

    def run(self, seconds: float) -> "Story":
        """Advance, and keep what was said meanwhile only."""
        self.world.advance(self.world.now_unix_ns + int(seconds * NS_PER_S))
        self.parcels = self.world.take_telemetry()
        return self

    def server_spans(self, service: str) -> list[SpanRecord]:
        return [
            span
            for parcel in self.parcels
            if parcel.source.service == service
            for span in parcel.spans
            if span.shape.kind == "server"
        ]

    def p99_ms(self, service: str) -> float:
        spans = self.server_spans(service)
        durations_ns = sorted(span.end_unix_ns - span.start_unix_ns for span in spans)
        return durations_ns[int(len(durations_ns) * 0.99)] / 1e6

    def error_ratio(self, service: str) -> float:
        spans = self.server_spans(service)
        return sum(span.shape.status_code >= 500 for span in spans) / len(spans)

    def workload(self, name: str) -> Workload:
        return next(w for w in self.world.report().workloads if w.key.name == name)

    def pods(self, name: str) -> tuple[Pod, ...]:
        return self.world.report().pods_of(self.workload(name).key)

    def intent(self, change: Change, *, resource_version: str | None = None) -> WriteIntent:
        present = self.workload(change.target.name).resource_version
        return WriteIntent(
            id=f"intent-{next(self._ids)}",
            plan_id="plan",
            issue_id="issue",
            epoch=1,
            change=change,
            resource_version=resource_version or present,
            undo=None,
            is_undo=False,
            created_unix_ns=self.world.now_unix_ns,
        )

    def scale(self, name: str, replicas: int) -> WriteOutcome:
        workload = self.workload(name)
        change = Scale(target=workload.key, replicas=replicas, replicas_before=workload.replicas)
        return self.world.write(self.intent(change))

    def restart(self, name: str) -> WriteOutcome:
        return self.world.write(self.intent(Restart(target=self.workload(name).key)))

    def roll_back(self, name: str) -> WriteOutcome:
        workload = self.workload(name)
        previous = workload.previous_revision(condemned=frozenset())
        assert previous is not None
        change = RollBackRelease(
            target=workload.key, revision=previous.number, revision_before=workload.revision
        )
        return self.world.write(self.intent(change))


@pytest.fixture
def tell() -> Callable[..., Story]:
    """Begin a story: `tell(seed=..., system=...)`."""
    return Story


def count_spans(body: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)


def count_points(body: bytes) -> int:
    request = ExportMetricsServiceRequest.FromString(body)
    metrics = [m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics]
    return sum(len(m.gauge.data_points) + len(m.histogram.data_points) for m in metrics)


def count_logs(body: bytes) -> int:
    request = ExportLogsServiceRequest.FromString(body)
    return sum(len(s.log_records) for r in request.resource_logs for s in r.scope_logs)


COUNTS: dict[str, tuple[str, Callable[[bytes], int]]] = {
    "trace": ("traces", count_spans),
    "metrics": ("metrics", count_points),
    "logs": ("logs", count_logs),
}


class Collector(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Counts what it accepts; refuses as it is told first."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.refusals: list[tuple[grpc.StatusCode, float | None]] = []  # (code, delay to advise)
        self.answer = b""
        self._lock = threading.Lock()

    def service(self, details: Any) -> Any:
        name = details.method.split(".")[3]

        def export(body: bytes, context: Any) -> bytes:
            with self._lock:
                refusal = self.refusals.pop() if self.refusals else None
            if refusal is not None:
                code, retry_s = refusal
                if retry_s is not None:
                    context.set_trailing_metadata((("grpc-status-details-bin", advice(retry_s)),))
                context.abort(code, "refused")
            signal, count_items = COUNTS[name]
            with self._lock:
                self.accepted[signal] += count_items(body)
            return self.answer

        return grpc.unary_unary_rpc_method_handler(export)


def advice(retry_s: float) -> bytes:
    info, delay = RetryInfo(), Duration()
    delay.FromMilliseconds(int(retry_s * 1000))
    info.retry_delay.CopyFrom(delay)
    detail = AnyMessage()
    detail.Pack(info)
    return bytes(Status(code=14, details=[detail]).SerializeToString())


class Peer:
    """One connection to a socket of the twin."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect(str(path))
        self._unpacker = Unpacker()

    def ask(self, header: Mapping[str, Any], body: bytes = b"") -> Message:
        self._socket.sendall(pack(header, len(body)) + body)
        while True:
            data = self._socket.recv(2**16)
            assert data, "the twin hung up"
            for message in self._unpacker.feed(data):
                return message

    def say(self, data: bytes) -> bytes:
        self._socket.sendall(data)
        return self._socket.recv(2**16)

    def advance(self, seconds: float) -> Mapping[str, Any]:
        to_unix_ns = START_UNIX_NS + int(seconds * NS_PER_S)
        return self.ask({"method": "advance", "to_unix_ns": to_unix_ns}).header

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    handler = Collector()
    server = grpc.server(ThreadPoolExecutor(4), handlers=(handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def connect() -> Iterator[Callable[[Path], Peer]]:
    """Open connections to a socket of the twin; they are closed at the end."""
    peers: list[Peer] = []

    def open_one(path: Path) -> Peer:
        peers.append(Peer(path))
        return peers[-1]

    yield open_one
    for peer in peers:
        peer.close()
