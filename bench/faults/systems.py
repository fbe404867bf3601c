"""The systems that the library is played on, each with few requests a second that take long."""

from typing import Final

from bench.campaigns.town import TOWN
from twin.model import Call, Operation, RequestKind, Service, System

FAN: Final = 6


def _service(name: str, ms: float, *callees: str, replicas: int = 2, wide: bool = False) -> Service:
    """A service of one operation; its callees one after the other, or at once where `wide`."""
    calls = tuple(Call(service=callee, operation="GET /") for callee in callees)
    steps = (calls,) if wide and calls else tuple((call,) for call in calls)
    return Service(
        name=name,
        replicas=replicas,
        replicas_max=8,
        versions=("1.0.0", "1.1.0"),
        operations=(Operation(name="GET /", service_ms_mean=ms, steps=steps),),
    )


def _system(namespace: str, *services: Service, arrivals_per_s: float) -> System:
    return System(
        namespace=namespace,
        entry=services[0].name,
        services=services,
        kinds=(RequestKind(operation="GET /", arrivals_per_s=arrivals_per_s),),
    )


_LEAVES: Final = tuple(f"leaf-{index}" for index in range(FAN))
FAN_OUT: Final = _system(
    "fan",
    _service("front", 50, *_LEAVES, wide=True),
    *(_service(leaf, 120) for leaf in _LEAVES),
    arrivals_per_s=4.0,
)
"""One service that needs six at once."""
_MIDDLES: Final = tuple(f"middle-{index}" for index in range(4))
SHARED: Final = _system(
    "shared",
    _service("front", 40, *_MIDDLES, wide=True),
    *(_service(middle, 60, "database") for middle in _MIDDLES),
    _service("database", 40, replicas=3),
    arrivals_per_s=4.0,
)
"""Four services behind one, all on one database."""
CHAIN: Final = _system(
    "chain",
    _service("front", 50, "one"),
    _service("one", 70, "two"),
    _service("two", 70, "three"),
    _service("three", 70, "four"),
    _service("four", 90),
    arrivals_per_s=5.0,
)
"""Five services in a row."""
SYSTEMS: Final = {"town": TOWN, "fan": FAN_OUT, "shared": SHARED, "chain": CHAIN}
