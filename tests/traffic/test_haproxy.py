"""The closed loop with real HAProxy: the client's own spans in, weights by its runtime socket."""

import asyncio

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


class Client:
    """A load client that tells of each call by the official SDK, with the backend's address."""

    def __init__(self, place: Place, port: int) -> None:
        self._port = port
        exporter = OTLPSpanExporter(f"127.0.0.1:{place.otlp}", insecure=True)
        self._provider = TracerProvider(resource=Resource.create({"service.name": "client"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
        self._tracer: trace.Tracer = self._provider.get_tracer("load")

    def offer(self, for_s: float, seed: int) -> list[Result]:
        return asyncio.run(
            load.offer(
                self._port, rate_per_s=RATE_PER_S, for_s=for_s, seed=seed, on_result=self._tell
            )
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


def test_weights_follow_the_clients_spans_and_outlive_a_restart(place: Place) -> None:
    port = free_port()
    first = place.start_haproxy(port)
    place.start_service(has_haproxy=True)
    client = Client(place, port)
    seen = client.offer(14.0, 1)
    place.set_delay(place.slow, SLOW_MS)
    seen += client.offer(9.0, 2)
    slowed = client.offer(5.0, 3)
    assert load.share(slowed, place.slow) * 3 < 0.4
    assert load.failures([*seen, *slowed]) == 0
    first.stop()
    place.start_haproxy(port)
    client.offer(2.5, 4)  # it begins with the weights of its file
    restarted = client.offer(5.0, 5)
    assert load.share(restarted, place.slow) * 3 < 0.5
    place.set_delay(place.slow, FAST_MS)
    for seed in range(20):
        after = client.offer(3.0, seed)
        assert load.failures(after) == 0
        if place.weight(place.slow) >= 0.8:
            break
    assert place.weight(place.slow) >= 0.8
    client.close()
