"""What a detector looks at: a service as a whole and each of its operations, worst first.

A sick operation must not hide among the healthy ones of its service, and a rule on operations alone
would know nothing of a service whose operations are each too rare to judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from knowledge.identity import ServiceKey
from knowledge.windows import WindowTables

ENTRY_RATIO_MIN: Final = 0.2
"""Share of requests from outside the view that makes a service an entry.

A few are seen at any inner service: health checks, and requests whose caller ends after the pane.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The figures of one operation, or of the whole service where `operation` is empty."""

    operation: str
    span_count: int
    error_count: int
    latency_ms_p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSubjects:
    """A service with all that can be judged about it; the service as a whole comes first.

    `entries`: where requests enter here, each kind with the milliseconds of those of the window,
    and of those of the window before.
    """

    service: ServiceKey
    is_entry: bool
    exemplars: tuple[str, ...]
    subjects: tuple[Subject, ...]
    entries: tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...] = ()


def subjects_of(tables: WindowTables) -> Iterator[ServiceSubjects]:
    """Yield each service of the window, in the order of its tables."""
    operations: dict[ServiceKey, list[Subject]] = {}
    for row in tables.operations.iter_rows(named=True):
        key = ServiceKey(namespace=row["namespace"], name=row["service"])
        operations.setdefault(key, []).append(_subject(row, row["operation"]))
    entries: dict[ServiceKey, list[tuple[str, tuple[float, ...], tuple[float, ...]]]] = {}
    for row in tables.entries.iter_rows(named=True):
        key = ServiceKey(namespace=row["namespace"], name=row["service"])
        entries.setdefault(key, []).append(
            (row["request"], tuple(row["durations_ms"]), tuple(row["earlier_ms"]))
        )
    for row in tables.services.iter_rows(named=True):
        key = ServiceKey(namespace=row["namespace"], name=row["service"])
        yield ServiceSubjects(
            service=key,
            is_entry=(row["entry_count"] or 0) >= ENTRY_RATIO_MIN * row["span_count"],
            exemplars=tuple(row["exemplars"] or ()),
            subjects=(_subject(row, ""), *operations.get(key, ())),
            entries=tuple(entries.get(key, ())),
        )


def _subject(row: dict[str, Any], operation: str) -> Subject:
    return Subject(
        operation=operation,
        span_count=row["span_count"],
        error_count=row["error_count"],
        latency_ms_p99=row["latency_ms_p99"],
    )
