"""The event engine's queues against queueing theory (knowledge/erlang.py names the sources)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from knowledge.erlang import erlang_c, mean_wait_ms
from twin.model import Call, Operation, RequestKind, Service, System
from twin.queueing import offered_load, required_services
from twin.shop import SHOP

if TYPE_CHECKING:
    from tests.twin.conftest import Story

SERVICE_MS = 10.0


def one_station(workers: int, arrivals_per_s: float) -> System:
    operation = Operation(
        name="GET /", service_ms_mean=SERVICE_MS, law="exponential", error_ratio=0.0
    )
    station = Service(
        name="station",
        operations=(operation,),
        versions=("1.0.0", "1.0.1"),
        replicas=1,
        replicas_max=1,
        workers=workers,
        queue_max=100_000,
    )
    return System(
        namespace="lab",
        entry="station",
        services=(station,),
        kinds=(RequestKind(operation="GET /", arrivals_per_s=arrivals_per_s),),
    )


@pytest.mark.parametrize(
    ("servers", "load", "waiting"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9)]
)
def test_erlang_c_gives_the_textbook_values(servers: int, load: float, waiting: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(waiting)


def test_erlang_c_refuses_a_load_that_no_queue_survives() -> None:
    with pytest.raises(ValueError, match="not below 2 servers"):
        erlang_c(2, 2.0)


@pytest.mark.parametrize(("workers", "arrivals_per_s"), [(1, 60.0), (2, 140.0), (4, 260.0)])
def test_mean_wait_of_a_station_agrees_with_m_m_c(
    tell: "Callable[..., Story]", workers: int, arrivals_per_s: float
) -> None:
    story = tell(seed=3, system=one_station(workers, arrivals_per_s)).run(300_000 / arrivals_per_s)
    spans = story.server_spans("station")
    sojourn_ms = sum(span.end_unix_ns - span.start_unix_ns for span in spans) / len(spans) / 1e6
    expected_ms = mean_wait_ms(workers, arrivals_per_s, SERVICE_MS)
    assert sojourn_ms - SERVICE_MS == pytest.approx(expected_ms, rel=0.05)


def test_the_usage_of_a_pod_agrees_with_the_utilisation_law(tell: "Callable[..., Story]") -> None:
    story = tell(seed=4, system=one_station(2, 120.0))
    ratios = [story.run(5).pods("station")[0].cpu_ratio or 0.0 for _ in range(100)]
    assert sum(ratios) / len(ratios) == pytest.approx(0.6, rel=0.03)


def test_offered_load_counts_each_visit_of_the_call_graph() -> None:
    leaf = Operation(name="GET /leaf", service_ms_mean=30)
    twice = ((Call(service="leaf", operation="GET /leaf"),),) * 2
    root = Operation(name="GET /", service_ms_mean=20, steps=twice)
    system = System(
        namespace="lab",
        entry="root",
        services=tuple(
            Service(
                name=name,
                operations=(operation,),
                versions=("1.0.0",),
                replicas=1,
                replicas_max=1,
            )
            for name, operation in (("root", root), ("leaf", leaf))
        ),
        kinds=(RequestKind(operation="GET /", arrivals_per_s=5.0),),
    )
    assert offered_load(system, {"GET /": 5.0}) == pytest.approx({"root": 0.1, "leaf": 0.3})


def test_an_optional_callee_is_not_required() -> None:
    needed = required_services(SHOP, "GET /product")
    assert "catalog" in needed
    assert "recommendation" not in needed
