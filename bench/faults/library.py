"""The fault library: what breaks where, and what must be found."""

from dataclasses import dataclass
from typing import Final

from bench.campaigns.scenario import Trouble
from bench.faults.systems import FAN
from knowledge.issues import SymptomKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario. `symptoms`: any of these, at any service, is the right sign.

    `culprit` is empty where nothing is wrong, and then no issue may be told.
    """

    name: str
    system: str
    kind: str
    service: str
    culprit: str
    symptoms: frozenset[SymptomKind]
    troubles: tuple[Trouble, ...] = ()


_SLOW: Final[frozenset[SymptomKind]] = frozenset({"HighLatency"})
_FAILS: Final[frozenset[SymptomKind]] = frozenset({"HighErrorRate"})
_HARD: Final[frozenset[SymptomKind]] = frozenset({"ServiceDown"})
_FELT: Final[frozenset[SymptomKind]] = _SLOW | _FAILS
_SIGNS: Final[dict[str, frozenset[SymptomKind]]] = {
    "slow store": _SLOW,
    "retry storm": _SLOW,
    "noisy neighbour": _FELT,
    "bad config": _FAILS,
    "bad_release": _FAILS,
    "dead_service": _HARD,
    "node lost": _FELT | _HARD,
    "memory_leak": _FELT | frozenset({"HighResourceUsage"}),
    "overload": frozenset({"HighResourceUsage"}),
}
_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "town": ("search", "catalog", "orders", "stock", "payment"),
    "fan": ("leaf-0", f"leaf-{FAN - 1}"),
    "shared": ("middle-1", "database"),
    "chain": ("two", "four"),
}
_EVERYWHERE: Final = (
    *("slow store", "bad config", "bad_release", "dead_service", "noisy neighbour"),
)


def _broken(system: str, kind: str, service: str) -> Case:
    return Case(
        name=f"{system}: {kind} at {service}",
        system=system,
        kind=kind,
        service=service,
        culprit=service,
        symptoms=_SIGNS[kind],
    )


def _well(system: str, kind: str, service: str, *troubles: Trouble) -> Case:
    told = f", telemetry {troubles[0].kind}" if troubles else ""
    return Case(
        name=f"{system}: {kind} at {service or 'nowhere'}{told}",
        system=system,
        kind=kind,
        service=service,
        culprit="",
        symptoms=frozenset(),
        troubles=troubles,
    )


def _trouble(kind: str, *services: str, amount: float = 0.0) -> Trouble:
    kinds = {"silent": "silent", "delayed": "delayed", "sampled": "sampled"}
    return Trouble(
        kind=kinds[kind],  # type: ignore[arg-type]
        begin_s=30.0,
        end_s=1e9,
        services=frozenset(services),
        amount=amount,
    )


LIBRARY: Final[tuple[Case, ...]] = (
    *(
        _broken(system, kind, service)
        for system, services in _PLACES.items()
        for service in services
        for kind in _EVERYWHERE
    ),
    _broken("town", "overload", "search"),
    _broken("town", "retry storm", "stock"),
    _broken("shared", "retry storm", "database"),
    _broken("town", "node lost", "catalog"),
    _broken("chain", "node lost", "three"),
    _broken("town", "memory_leak", "search"),
    _broken("chain", "memory_leak", "two"),
    _well("town", "nothing", ""),
    _well("town", "good_release", "catalog"),
    _well("town", "lone_crash", "stock"),
    _well("town", "busy_hour", "gateway"),
    _well("shared", "good_release", "database"),
    _well("chain", "good_release", "three"),
    _well("town", "nothing", "", _trouble("silent", "stock")),
    _well("town", "nothing", "", _trouble("silent")),
    _well("town", "nothing", "", _trouble("delayed", "catalog", amount=60.0)),
    _well("town", "nothing", "", _trouble("sampled", amount=0.2)),
)
