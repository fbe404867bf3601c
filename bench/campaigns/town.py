"""A small system for campaigns: seven services, a twentieth of the shop's visits a second.

Few requests that each take long make pods as busy as many short ones do, at a fraction of the cost
to simulate. Each service is busy for a fifth to a half of its capacity; GET /search saturates
search alone where it grows threefold, so there is an overload to play. Nobody may touch payment,
and another controller steers rates.
"""

from typing import Final

from twin.model import Call, Operation, RequestKind, Service, System


def _one(service: str, operation: str) -> Call:
    return Call(service=service, operation=operation)


_STOCK: Final = _one("stock", "GET /stock")
_RATES: Final = _one("rates", "GET /rates")

TOWN: Final = System(
    namespace="town",
    entry="gateway",
    services=(
        Service(
            name="gateway",
            replicas=3,
            replicas_max=8,
            versions=("1.0.0", "1.1.0"),
            operations=(
                Operation(
                    name="GET /search",
                    service_ms_mean=60,
                    steps=((_one("search", "GET /query"), _RATES),),
                ),
                Operation(
                    name="GET /item",
                    service_ms_mean=70,
                    steps=((_one("catalog", "GET /item"), _RATES),),
                ),
                Operation(
                    name="POST /order",
                    service_ms_mean=70,
                    steps=((_one("orders", "POST /orders"),),),
                ),
            ),
        ),
        Service(
            name="search",
            replicas=2,
            replicas_max=6,
            versions=("2.0.0", "2.1.0"),
            operations=(Operation(name="GET /query", service_ms_mean=240, steps=((_STOCK,),)),),
        ),
        Service(
            name="catalog",
            replicas=3,
            replicas_max=6,
            versions=("3.0.0", "3.1.0"),
            operations=(Operation(name="GET /item", service_ms_mean=150, steps=((_STOCK,),)),),
        ),
        Service(
            name="orders",
            replicas=2,
            replicas_max=6,
            versions=("4.0.0", "4.1.0"),
            operations=(
                Operation(
                    name="POST /orders",
                    service_ms_mean=120,
                    steps=((_one("payment", "POST /charges"),),),
                ),
            ),
        ),
        Service(
            name="payment",
            is_opted_in=False,
            replicas=3,
            replicas_max=6,
            versions=("5.0.0", "5.1.0"),
            operations=(Operation(name="POST /charges", service_ms_mean=150),),
        ),
        Service(
            name="stock",
            replicas=3,
            replicas_max=6,
            versions=("6.0.0", "6.1.0"),
            operations=(Operation(name="GET /stock", service_ms_mean=60),),
        ),
        Service(
            name="rates",
            replicas=2,
            replicas_max=6,
            versions=("7.0.0", "7.1.0"),
            steered_by="HorizontalPodAutoscaler",
            operations=(Operation(name="GET /rates", service_ms_mean=40),),
        ),
    ),
    kinds=(
        RequestKind(operation="GET /search", arrivals_per_s=3.6),
        RequestKind(operation="GET /item", arrivals_per_s=2.0),
        RequestKind(operation="POST /order", arrivals_per_s=2.0),
    ),
)
