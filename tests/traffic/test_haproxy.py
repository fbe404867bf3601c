"""The closed loop with real HAProxy: the client's own spans in, weights by its runtime socket."""

import asyncio
import json
from functools import partial
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from tests.parts.process import free_port
from tests.traffic import load
from tests.traffic.load import Result
from tests.traffic.place import FAST_MS, SLOW_MS, Place

RATE_PER_S = 52.0
OUT = Path(__file__).parents[2] / "out" / "traffic-haproxy.json"


class Client:
    """A load client that tells of each call by the official SDK, with the backend's address."""

    def __init__(self, place: Place) -> None:
        exporter = OTLPSpanExporter(f"127.0.0.1:{place.otlp}", insecure=True)
        self._provider = TracerProvider(resource=Resource.create({"service.name": "client"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
        self._tracer: trace.Tracer = self._provider.get_tracer("load")

    def offer(self, port: int, for_s: float, seed: int) -> list[Result]:
        return asyncio.run(
            load.offer(port, rate_per_s=RATE_PER_S, for_s=for_s, seed=seed, on_result=self._tell)
        )

    def close(self) -> None:
        self._provider.shutdown()

    def _tell(self, result: Result) -> None:
        if not result.backend:
            return
        self._tracer.start_span(
            "GET",
            kind=SpanKind.CLIENT,
            start_time=result.start_unix_ns,
            attributes={"network.peer.address": "127.0.0.1", "server.port": result.backend},
        ).end(result.end_unix_ns)


def test_a_slow_backend_gets_little_comes_back_and_weights_outlive_a_restart(place: Place) -> None:
    port, plain = free_port(), free_port()
    first = place.start_haproxy(port)
    place.start_haproxy(plain, place.folder / "round-robin.sock")
    place.start_service(has_haproxy=True)
    client = Client(place)
    ours, round_robin = partial(client.offer, port), partial(client.offer, plain)
    seen = ours(14.0, 1)
    place.set_delay(place.slow, SLOW_MS)
    fell_s = load.seconds_until(lambda: place.weight(place.slow) < 0.4, ours, seen, 20.0)
    runs = load.interleaved(round_robin, ours)
    first.stop()
    place.start_haproxy(port)
    ours(2.5, 4)  # it begins with the weights of its file
    restarted = ours(5.0, 5)
    place.set_delay(place.slow, FAST_MS)
    rose_s = load.seconds_until(lambda: place.weight(place.slow) >= 0.8, ours, seen, 90.0)
    seen += runs[1]
    figures = {
        "fell_s": fell_s,
        "rose_s": rose_s,
        **load.compared(*runs, place.slow),
        "share_of_slow_after_restart": 3 * load.share(restarted, place.slow),
        "requests": len(seen),
        "failures": load.failures(seen),
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=1))
    client.close()
    assert figures["failures"] == 0, figures
    assert fell_s <= 10.0, figures
    assert figures["share_of_slow"] < 0.4, figures
    assert figures["p99_ratio"] <= 0.65, figures
    assert figures["share_of_slow_after_restart"] < 0.5, figures
    assert rose_s <= 60.0, figures
