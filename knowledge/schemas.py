"""The named Arrow schemas of all bulk data, with the unit in each column's name.

Rows enter as SPANS, METRICS and LOGS (receiver to brain); windows leave as OPERATIONS, SERVICES,
EDGES, BLAME, INSTANCES, ENTRIES, RECENT, USAGE, METERED and EVENTS (analysis to issues, journal
and status), and calls to backends as ENDPOINTS (analysis to the balancer). `conform` is asserted on
entry and exit of a stage, so that a stage which builds a wrong table fails where the mistake is.
"""

from typing import Final, Literal

import pyarrow as pa

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")

LABEL: Final = pa.dictionary(pa.int32(), pa.string())
"""A string that repeats for all rows of a resource; never null, empty where it is not known."""

_RESOURCE: Final = [
    pa.field("namespace", LABEL),  # service.namespace, else k8s.namespace.name
    pa.field("service", LABEL),  # service.name
    pa.field("version", LABEL),  # service.version
    pa.field("pod", LABEL),  # k8s.pod.name
    pa.field("pod_uid", LABEL),  # k8s.pod.uid
    pa.field("principal", LABEL),  # who sent it, as authenticated; empty where nobody is asked
    pa.field("is_verified", pa.bool_()),  # whether the principal may speak for the service
]

SPANS: Final = pa.schema(
    [
        pa.field("trace_id", pa.binary()),
        pa.field("span_id", pa.binary()),
        pa.field("parent_span_id", pa.binary()),  # empty for a root
        pa.field("start_unix_ns", pa.int64()),
        pa.field("end_unix_ns", pa.int64()),
        # OTLP SpanKind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer; 0 also for what was
        # served and is no request: health checks, and streams that stay open
        pa.field("kind", pa.uint8()),
        pa.field("name", pa.string()),
        pa.field("is_error", pa.bool_()),  # re-derived from status and response codes
        pa.field("is_answered", pa.bool_()),  # of a CLIENT span: it tells the code of an answer
        pa.field("peer", LABEL),  # the callee's name as the caller knows it
        pa.field("address", LABEL),  # host:port that a call went to; empty on all other spans
        *_RESOURCE,
    ]
)
METRICS: Final = pa.schema(
    [
        pa.field("time_unix_ns", pa.int64()),
        pa.field("name", pa.string()),  # canonical
        pa.field("value", pa.float64()),  # of a gauge or a sum; null otherwise
        # what follows is of the durations of served requests (instruments.REQUEST_DURATIONS) only,
        # and null on all other points: nobody reads it there
        pa.field("start_unix_ns", pa.int64()),  # 0: not told
        pa.field("unit", pa.string()),
        pa.field("is_old_name", pa.bool_()),  # came under a name that was replaced
        pa.field("temporality", pa.uint8()),  # OTLP: 1 delta, 2 cumulative
        pa.field("count", pa.uint64()),
        pa.field("sum", pa.float64()),  # null: not told
        pa.field("max", pa.float64()),  # likewise
        pa.field("bounds", pa.list_(pa.float64())),  # of an explicit histogram
        pa.field("bucket_counts", pa.list_(pa.uint64())),  # of an exponential one the positive
        pa.field("scale", pa.int32()),  # of an exponential histogram; null of an explicit one
        pa.field("bucket_offset", pa.int32()),
        pa.field("zero_count", pa.uint64()),
        pa.field("is_error", pa.bool_()),  # the requests of this point failed
        pa.field("exemplar", pa.binary()),  # trace id of the worst one; null: none
        pa.field("resource_id", pa.uint64()),  # who counts: a hash of the resource
        pa.field("stream_id", pa.uint64()),  # what is counted: of resource, scope, name, attributes
        *_RESOURCE,
    ]
)
LOGS: Final = pa.schema(
    [
        pa.field("time_unix_ns", pa.int64()),  # of the event, else as observed
        pa.field("severity", pa.uint8()),  # OTLP SeverityNumber 1..24, 0 unspecified
        # what the record says, without the values in it; behind an exception's type
        pa.field("template", LABEL),
        # of an event of Kubernetes its reason, and what it is about; empty on all other records
        pa.field("reason", LABEL),
        pa.field("object_namespace", LABEL),
        pa.field("object_kind", LABEL),
        pa.field("object_name", LABEL),
        pa.field("trace_id", pa.binary()),
        pa.field("span_id", pa.binary()),
        *_RESOURCE,
    ]
)
ROWS: Final[dict[Signal, pa.Schema]] = {"traces": SPANS, "metrics": METRICS, "logs": LOGS}
"""What a receiver makes of each signal, and the brain analyses."""

EVENT_TIME: Final[dict[Signal, str]] = {
    "traces": "end_unix_ns",
    "metrics": "time_unix_ns",
    "logs": "time_unix_ns",
}
"""The column that says to which window a row belongs; a span belongs to its end."""

_OUTCOME: Final = [
    pa.field("span_count", pa.int64()),
    pa.field("error_count", pa.int64()),
    pa.field("error_ratio", pa.float64()),  # [0, 1]
    pa.field("latency_ms_p50", pa.float64()),
    pa.field("latency_ms_p95", pa.float64()),
    pa.field("latency_ms_p99", pa.float64()),
    pa.field("latency_ms_mean", pa.float64()),
]
_SERVICE: Final = [pa.field("namespace", pa.string()), pa.field("service", pa.string())]

OPERATIONS: Final = pa.schema([*_SERVICE, pa.field("operation", pa.string()), *_OUTCOME])
"""WindowStats: one row per service and operation of the window."""

SERVICES: Final = pa.schema(
    [
        *_SERVICE,
        *_OUTCOME,
        pa.field("entry_count", pa.int64()),  # requests that came from outside the view
        pa.field("arrival_per_s", pa.float64()),
        pa.field("self_ms_mean", pa.float64()),  # time not covered by calls to others
        pa.field("self_ms_p99", pa.float64()),
        pa.field("own_error_count", pa.int64()),  # failures that no failed call explains
        pa.field("exemplars", pa.list_(pa.string())),  # trace ids (hex), worst first
        pa.field("newest_count", pa.int64()),  # requests that ended in the newest pane
        pa.field("newest_ms_mean", pa.float64()),  # their mean latency; 0 with none
    ]
)
EDGES: Final = pa.schema(
    [
        pa.field("caller_namespace", pa.string()),
        pa.field("caller", pa.string()),
        pa.field("callee_namespace", pa.string()),
        pa.field("callee", pa.string()),
        pa.field("call_count", pa.int64()),
        pa.field("error_count", pa.int64()),
        pa.field("unanswered_count", pa.int64()),  # calls whose server side never showed
        pa.field("latency_ms_p99", pa.float64()),  # as the caller saw it
        pa.field("gap_ms_mean", pa.float64()),  # caller's view minus callee's; null: never answered
    ]
)
BLAME: Final = pa.schema(
    [
        pa.field("entry_namespace", pa.string()),
        pa.field("entry", pa.string()),
        *_SERVICE,  # the service that the time or the failure belongs to
        pa.field("tail_ms_per_request", pa.float64()),  # its share of a slow entry request
        pa.field("failed_count", pa.float64()),  # failed entry requests that end at it
    ]
)
INSTANCES: Final = pa.schema(
    [
        *_SERVICE,
        pa.field("version", pa.string()),
        pa.field("pod", pa.string()),
        pa.field("pod_uid", pa.string()),
        pa.field("span_count", pa.int64()),
        pa.field("error_count", pa.int64()),
        pa.field("latency_ms_mean", pa.float64()),
        pa.field("own_error_count", pa.int64()),
    ]
)
ENTRIES: Final = pa.schema(
    [
        *_SERVICE,
        pa.field("request", pa.string()),  # the kind: the operation, and what it calls first
        pa.field("durations_ms", pa.list_(pa.float64())),  # of the window
        pa.field("earlier_ms", pa.list_(pa.float64())),  # of the window before it
        pa.field("passed_ms", pa.list_(pa.float64())),  # of the requests that just left both
    ]
)
SENDERS: Final = pa.schema(
    [
        *_SERVICE,
        pa.field("role", pa.string()),  # server: of the service itself; caller: of who calls it
        pa.field("principal", pa.string()),  # who said so, and may speak for that side
        pa.field("span_count", pa.int64()),
        pa.field("error_count", pa.int64()),
        pa.field("latency_ms_mean", pa.float64()),
    ]
)
"""What authenticated senders say of a service, each for its own side."""

ENDPOINTS: Final = pa.schema(
    [
        pa.field("caller_namespace", pa.string()),
        pa.field("caller", pa.string()),
        pa.field("address", pa.string()),  # the instance that was called, host:port
        pa.field("end_unix_s", pa.int64()),  # the second in which the calls ended
        pa.field("call_count", pa.int64()),
        pa.field("error_count", pa.int64()),
        pa.field("ok_ms_sum", pa.float64()),  # of the calls that did not fail
        pa.field("ok_ms_max", pa.float64()),
        pa.field("busy_ms_sum", pa.float64()),  # of all calls: the time that they were in flight
    ]
)
GAPS: Final = pa.schema(
    [
        # event time of rows that we lost: whatever the window says, some of it is missing
        pa.field("start_unix_ns", pa.int64()),
        pa.field("end_unix_ns", pa.int64()),
        pa.field("reason", pa.string()),
    ]
)
RECENT: Final = pa.schema(
    [
        # who was called; service is empty where nobody answered, peer is the callers' name for it
        *_SERVICE,
        pa.field("peer", pa.string()),  # empty: what the service itself says it served
        pa.field("served_count", pa.int64()),
        pa.field("call_count", pa.int64()),
        pa.field("lost_count", pa.int64()),  # calls that failed without the code of an answer
        pa.field("answered_count", pa.int64()),  # calls whose server side was seen
    ]
)
"""What the last look added to the window: who still speaks, and how calls to whom ended."""
USAGE: Final = pa.schema(
    [
        *_SERVICE,
        pa.field("pod", pa.string()),
        pa.field("time_unix_ns", pa.int64()),  # of its newest reading
        pa.field("cpu_ratio", pa.float64()),  # of its limit; null: not reported
        pa.field("memory_ratio", pa.float64()),
        pa.field("memory_bytes", pa.float64()),  # working set
    ]
)


EVENTS: Final = pa.schema(
    [
        pa.field("time_unix_ns", pa.int64()),
        pa.field("namespace", pa.string()),
        pa.field("object_kind", pa.string()),
        pa.field("object_name", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("text", pa.string()),
        pa.field("is_warning", pa.bool_()),
    ]
)
"""Events of Kubernetes that came in since the last look, as the Collector tells of them."""

METERED: Final = pa.schema(
    [
        *_SERVICE,
        pa.field("metric", pa.string()),  # the histogram that says so; of several the first
        pa.field("request_count", pa.int64()),
        pa.field("error_count", pa.int64()),
        pa.field("error_ratio", pa.float64()),  # [0, 1]
        pa.field("request_per_s", pa.float64()),
        pa.field("covered_s", pa.float64()),  # how much time the counts cover
        pa.field("latency_ms_mean", pa.float64()),  # null: not told
        pa.field("latency_ms_p99_low", pa.float64()),  # the p99 lies between these two
        pa.field("latency_ms_p99_high", pa.float64()),  # infinite: above the last bound
        pa.field("exemplars", pa.list_(pa.string())),  # trace ids (hex)
    ]
)
"""What services say of themselves by histograms. Of a service with spans those are believed."""


class SchemaError(AssertionError):
    """A stage built a table that is not what its schema promises: a bug of ours."""


def conform(schema: pa.Schema, wanted: pa.Schema, where: str) -> None:
    """Assert that a table's schema is exactly `wanted`.

    Raises:
        SchemaError: naming `where` and the first column that differs.
    """
    if schema.equals(wanted, check_metadata=False):
        return
    for index, field in enumerate(wanted):
        got = schema.field(index) if index < len(schema) else "nothing"
        if got != field:
            raise SchemaError(f"{where}: column {index} must be <{field}>, got <{got}>")
    raise SchemaError(f"{where}: {len(schema) - len(wanted)} columns too many")
