"""The online shop: twelve services, about 30 entry requests and 270 visits a second.

Sized so that each service is busy for a fifth to a half of its capacity, and that two request kinds
have a bottleneck of their own: GET /search in search, GET /product in recommendation.
"""

from typing import Final

from twin.model import Call, Operation, RequestKind, Service, System


def _one(service: str, operation: str) -> Call:
    return Call(service=service, operation=operation)


def _extra(service: str, operation: str) -> Call:
    return Call(service=service, operation=operation, is_required=False)


_SESSION: Final = (_one("session", "GET /session"),)
_CURRENCY: Final = _one("currency", "GET /rates")
_CART: Final = _one("cart", "GET /cart")
_QUOTE: Final = _one("shipping", "GET /quote")

_FRONTEND: Final = Service(
    name="frontend",
    replicas=3,
    replicas_max=8,
    versions=("3.3.2", "3.4.0"),
    operations=(
        Operation(
            name="GET /",
            service_ms_mean=24,
            steps=(_SESSION, (_one("catalog", "GET /featured"), _CURRENCY, _CART)),
        ),
        Operation(
            name="GET /search",
            service_ms_mean=20,
            steps=(
                _SESSION,
                (_one("search", "GET /query"), _one("search", "GET /facets"), _CURRENCY, _CART),
            ),
        ),
        Operation(
            name="GET /product",
            service_ms_mean=24,
            steps=(
                _SESSION,
                (
                    _one("catalog", "GET /item"),
                    _CURRENCY,
                    _CART,
                    _QUOTE,
                    _extra("recommendation", "GET /related"),
                    _extra("recommendation", "GET /bought-together"),
                ),
            ),
        ),
        Operation(
            name="POST /cart",
            service_ms_mean=20,
            steps=(
                _SESSION,
                (_one("cart", "POST /items"),),
                (_one("checkout", "GET /totals"), _QUOTE),
            ),
        ),
        Operation(
            name="POST /checkout",
            service_ms_mean=24,
            steps=(_SESSION, (_one("checkout", "POST /orders"),)),
        ),
    ),
)
_CHECKOUT: Final = Service(
    name="checkout",
    replicas=2,
    replicas_max=6,
    versions=("2.0.4", "2.1.0"),
    operations=(
        Operation(name="GET /totals", service_ms_mean=35, steps=((_CURRENCY,),)),
        Operation(
            name="POST /orders",
            service_ms_mean=40,
            steps=(
                (_CART, _CURRENCY, _QUOTE),
                (_one("inventory", "POST /reservations"),),
                (_one("payment", "POST /charges"),),
                (
                    _one("shipping", "POST /shipments"),
                    _one("cart", "DELETE /cart"),
                    _extra("email", "POST /confirmations"),
                ),
            ),
        ),
    ),
)
_CATALOG: Final = Service(
    name="catalog",
    replicas=4,
    replicas_max=8,
    versions=("5.11.0", "5.12.1"),
    operations=(
        Operation(
            name="GET /featured", service_ms_mean=34, steps=((_one("inventory", "GET /stock"),),)
        ),
        Operation(
            name="GET /item", service_ms_mean=24, steps=((_one("inventory", "GET /stock"),),)
        ),
        Operation(name="GET /summaries", service_ms_mean=30),
    ),
)
_RECOMMENDATION: Final = Service(
    name="recommendation",
    replicas=2,
    replicas_max=6,
    versions=("1.8.3", "1.9.0"),
    operations=(
        Operation(
            name="GET /related",
            service_ms_mean=70,
            steps=((_one("catalog", "GET /summaries"),),),
        ),
        Operation(
            name="GET /bought-together",
            service_ms_mean=66,
            steps=((_one("catalog", "GET /summaries"),),),
        ),
    ),
)
_SEARCH: Final = Service(
    name="search",
    replicas=2,
    replicas_max=6,
    versions=("4.0.1", "4.1.0"),
    operations=(
        Operation(
            name="GET /query",
            service_ms_mean=58,
            steps=((_one("catalog", "GET /summaries"),),),
        ),
        Operation(name="GET /facets", service_ms_mean=56),
    ),
)
_CART_SERVICE: Final = Service(
    name="cart",
    replicas=3,
    replicas_max=6,
    versions=("2.7.0", "2.7.1"),
    operations=(
        Operation(name="GET /cart", service_ms_mean=24),
        Operation(
            name="POST /items",
            service_ms_mean=30,
            steps=((_one("catalog", "GET /item"),),),
        ),
        Operation(name="DELETE /cart", service_ms_mean=22),
    ),
)
_LEAVES: Final = (
    Service(
        name="payment",
        replicas=2,
        replicas_max=6,
        versions=("6.2.0", "6.3.0"),
        operations=(Operation(name="POST /charges", service_ms_mean=70),),
    ),
    Service(
        name="shipping",
        replicas=2,
        replicas_max=6,
        versions=("1.3.9", "1.4.0"),
        operations=(
            Operation(name="GET /quote", service_ms_mean=32),
            Operation(name="POST /shipments", service_ms_mean=40),
        ),
    ),
    Service(
        name="inventory",
        replicas=2,
        replicas_max=6,
        versions=("3.0.0", "3.0.1"),
        operations=(
            Operation(name="GET /stock", service_ms_mean=28),
            Operation(name="POST /reservations", service_ms_mean=36),
        ),
    ),
    Service(
        name="currency",
        replicas=2,
        replicas_max=6,
        versions=("1.0.6", "1.0.7"),
        steered_by="HorizontalPodAutoscaler",
        operations=(Operation(name="GET /rates", service_ms_mean=18),),
    ),
    Service(
        name="session",
        replicas=3,
        replicas_max=6,
        versions=("2.2.0", "2.3.0"),
        operations=(Operation(name="GET /session", service_ms_mean=20),),
    ),
    Service(
        name="email",
        replicas=1,
        replicas_max=1,
        versions=("1.1.0", "1.2.0"),
        strategy="Recreate",
        operations=(Operation(name="POST /confirmations", service_ms_mean=45),),
    ),
)

SHOP: Final = System(
    namespace="shop",
    entry="frontend",
    services=(
        _FRONTEND,
        _CHECKOUT,
        _CATALOG,
        _RECOMMENDATION,
        _SEARCH,
        _CART_SERVICE,
        *_LEAVES,
    ),
    kinds=(
        RequestKind(operation="GET /", arrivals_per_s=6.5),
        RequestKind(operation="GET /search", arrivals_per_s=8.0),
        RequestKind(operation="GET /product", arrivals_per_s=7.0),
        RequestKind(operation="POST /cart", arrivals_per_s=4.0),
        RequestKind(operation="POST /checkout", arrivals_per_s=4.5),
    ),
)
