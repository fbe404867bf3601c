"""What the simulated services say of themselves, before it is put into OTLP.

Only what real instrumentation would see goes in here: nothing of the faults that are played.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

DURATION_BOUNDS_S: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25),
    *(0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
"""The advised bounds: opentelemetry.io/docs/specs/semconv/http/http-metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who speaks: one release of a service in one pod."""

    namespace: str
    service: str
    version: str
    deployment: str
    pod: str
    pod_uid: str


class SpanShape(NamedTuple):
    """All of a span that repeats."""

    kind: Literal["server", "client"]
    operation: str  # method and route
    peer: str  # the callee of a client span, else empty
    status_code: int  # HTTP; 0 where no answer came
    error_type: str  # empty where nothing failed


class SpanRecord(NamedTuple):
    """One span that has ended."""

    shape: SpanShape
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_unix_ns: int
    end_unix_ns: int


class LogRecord(NamedTuple):
    """One line of a log; ids are empty outside a request."""

    time_unix_ns: int
    severity: Literal["INFO", "ERROR"]
    body: str
    trace_id: bytes = b""
    span_id: bytes = b""


@dataclass(slots=True)
class Durations:
    """A cumulative histogram of request durations."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(DURATION_BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, duration_s: float) -> None:
        """Count one request."""
        self.buckets[bisect_left(DURATION_BOUNDS_S, duration_s)] += 1
        self.sum_s += duration_s


class DurationPoint(NamedTuple):
    """The histogram of one operation and status as it stood."""

    operation: str
    status_code: int
    buckets: tuple[int, ...]
    sum_s: float


class Sample(NamedTuple):
    """The metrics of one pod at one time. Ratios are shares of the pod's limits."""

    start_unix_ns: int
    time_unix_ns: int
    memory_ratio: float
    cpu_ratio: float
    durations: tuple[DurationPoint, ...]


class Outbox:
    """What one source has said and not yet sent."""

    __slots__ = ("_durations", "is_closed", "logs", "samples", "source", "spans", "start_unix_ns")

    def __init__(self, source: Source, start_unix_ns: int) -> None:
        self.source = source
        self.start_unix_ns = start_unix_ns
        self.is_closed = False  # its pod is gone: nothing will follow
        self.spans: list[SpanRecord] = []
        self.logs: list[LogRecord] = []
        self.samples: list[Sample] = []
        self._durations: dict[tuple[str, int], Durations] = {}

    def serve(self, span: SpanRecord) -> None:
        """Take a server span, and count it in the histogram of its operation and status."""
        self.spans.append(span)
        key = span.shape.operation, span.shape.status_code
        durations = self._durations.get(key)
        if durations is None:
            durations = self._durations[key] = Durations()
        durations.add((span.end_unix_ns - span.start_unix_ns) / 1e9)

    def sample(self, time_unix_ns: int, memory_ratio: float, cpu_ratio: float) -> None:
        """Take the metrics as they stand now."""
        durations = tuple(
            DurationPoint(operation, status_code, tuple(found.buckets), found.sum_s)
            for (operation, status_code), found in self._durations.items()
        )
        self.samples.append(
            Sample(self.start_unix_ns, time_unix_ns, memory_ratio, cpu_ratio, durations)
        )

    def restart(self, start_unix_ns: int) -> None:
        """Forget what a process forgets when it starts anew: its counters, not what it sent."""
        self.start_unix_ns = start_unix_ns
        self._durations.clear()

    def take(self) -> "Parcel | None":
        """Hand over all that waits, None if nothing does."""
        if not (self.spans or self.logs or self.samples):
            return None
        parcel = Parcel(
            source=self.source,
            spans=tuple(self.spans),
            logs=tuple(self.logs),
            samples=tuple(self.samples),
        )
        self.spans.clear()
        self.logs.clear()
        self.samples.clear()
        return parcel


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """All that one source sends at once."""

    source: Source
    spans: tuple[SpanRecord, ...]
    logs: tuple[LogRecord, ...]
    samples: tuple[Sample, ...]


class Outboxes:
    """The outboxes of all pods, those of gone pods until they are empty."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[Outbox] = []

    def open(self, source: Source, start_unix_ns: int) -> Outbox:
        """Return an outbox for a new pod."""
        outbox = Outbox(source, start_unix_ns)
        self._open.append(outbox)
        return outbox

    def take(self) -> tuple[Parcel, ...]:
        """Return all that waits, in the order in which the pods were made."""
        parcels = tuple(parcel for parcel in (box.take() for box in self._open) if parcel)
        self._open = [box for box in self._open if not box.is_closed]
        return parcels
