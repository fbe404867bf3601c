"""Do two senders, authenticated apart, say the same illness of a service, each from its end?

A service's own word is one that its sender could forge; so is its caller's. Both together, by
principals that may each speak for their side only, take two that lie alike. What comes by way of
one gateway is one word, however many services it speaks for. That they agree is not enough: what
they agree on must be what the service is held to be sick of.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from knowledge.identity import ServiceKey
from knowledge.issues import Symptom
from knowledge.plans import Fact
from knowledge.windows import WindowTables

COUNT_MIN: Final = 20
AGREE_RATIO: Final = 2.0
"""Two figures of one thing: the caller's has the way between them in it, and its own limits."""

ERROR_RATIO_NOISE: Final = 0.02


def corroboration(
    tables: WindowTables, service: ServiceKey, symptoms: Iterable[Symptom]
) -> Fact | None:
    """Return that two principals say the same illness of a service; None: they do not.

    `symptoms`: all that were seen. An error ratio must be over the symptom's limit by both; so must
    be the mean latency, which is more than that of a few requests.
    """
    sick = [s for s in symptoms if s.service == service and s.health == "unhealthy"]
    rows = [
        row
        for row in tables.senders.iter_rows(named=True)
        if (row["namespace"], row["service"]) == (service.namespace, service.name)
        and row["span_count"] >= COUNT_MIN
        and row["principal"]  # one that is not known was not authenticated
    ]
    for own in (row for row in rows if row["role"] == "server"):
        for other in (row for row in rows if row["role"] == "caller"):
            if own["principal"] == other["principal"] or not _agree(own, other):
                continue
            said = next((told for s in sick if (told := _illness(s, own, other))), None)
            if said is not None:
                return Fact(
                    source="senders",
                    text=f"{own['principal']} and {other['principal']}, authenticated apart, "
                    f"see {said} of {service}",
                )
    return None


def _illness(symptom: Symptom, own: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """What both say that is beyond the symptom's limit."""
    match symptom.kind:
        case "HighErrorRate":
            pair, form = (_error_ratio(own), _error_ratio(other)), "{:.0%} and {:.0%} errors"
        case "HighLatency":
            pair, form = (own["latency_ms_mean"], other["latency_ms_mean"]), "{:.0f} and {:.0f} ms"
        case _:
            return None
    return form.format(*pair) if min(pair) >= symptom.limit else None


def _error_ratio(row: Mapping[str, Any]) -> float:
    return float(row["error_count"] / row["span_count"])


def _agree(own: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return _alike(own["latency_ms_mean"], other["latency_ms_mean"], 0.0) and _alike(
        _error_ratio(own), _error_ratio(other), ERROR_RATIO_NOISE
    )


def _alike(one: float, other: float, noise: float) -> bool:
    low, high = sorted((one, other))
    return high <= AGREE_RATIO * low + noise
