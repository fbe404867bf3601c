"""/metrics: the Collector's names, bounded labels, and a format that Prometheus's parser takes."""

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from knowledge.snapshot import IngestCounts, StatusSnapshot
from knowledge.windows import Freshness, WindowTables
from status.metrics import render
from status.top_services import top_services

EMPTY = StatusSnapshot(
    version="0",
    now_unix_ns=0,
    mode="observe",
    notes=(),
    halted=None,
    is_warm=True,
    freshness=(),
    ingest=(),
    receivers={},
    senders={},
    tables=WindowTables.empty(0, 10**9),
    symptoms=(),
    issues=(),
    treatments=(),
    actions=(),
)
RECEIVER = {
    "requests": 3,
    "request_bytes": 900,
    "wire_bytes_grpc": 300,
    "accepted_spans_grpc": 10,
    "accepted_data_points_http": 4,
    "refused_spans_grpc": 2,
    "refused_overloaded": 1,
    "rejected_invalid_trace_id": 2,
    "repaired_negative_duration": 1,
    "reference_requests": 2,
    "ack_count": 3,
    "ack_us_sum": 40_000,
    "ack_us_le_5000": 2,
    "ack_us_le_50000": 1,
}


def samples(snapshot: StatusSnapshot) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the value of each sample by its name and the values of its labels.

    The parser calls each counter `..._total`, as OpenMetrics does.
    """
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(render(snapshot))
        for sample in family.samples
    }


def test_receivers_are_added_up_under_the_collectors_names() -> None:
    found = samples(replace(EMPTY, receivers={"a": RECEIVER, "b": RECEIVER}))
    assert found["otelcol_receiver_accepted_spans_total", ("otlp", "grpc")] == 20
    assert found["otelcol_receiver_accepted_metric_points_total", ("otlp", "http")] == 8
    assert found["otelcol_receiver_accepted_log_records_total", ("otlp", "http")] == 0
    assert found["otelcol_receiver_refused_spans_total", ("otlp", "grpc")] == 4
    assert found["homeostat_receiver_refused_requests_total", ("overloaded",)] == 2
    assert found["homeostat_receiver_rejected_items_total", ("invalid_trace_id",)] == 4
    assert found["homeostat_receiver_repaired_items_total", ("negative_duration",)] == 2
    assert found["homeostat_receiver_reference_requests_total", ()] == 4
    assert found["homeostat_receiver_wire_bytes_total", ("grpc",)] == 600
    assert found["homeostat_receiver_inflated_bytes_total", ()] == 1800


def test_buckets_of_the_histogram_grow_to_the_count() -> None:
    found = samples(replace(EMPTY, receivers={"a": RECEIVER}))
    bucket = "homeostat_receiver_ack_seconds_bucket"
    assert [found[bucket, (le,)] for le in ("0.005", "0.05", "+Inf")] == [2, 3, 3]
    assert found["homeostat_receiver_ack_seconds_sum", ()] == pytest.approx(0.04)
    assert found["homeostat_receiver_ack_seconds_count", ()] == 3


def test_the_loop_tells_its_lag_and_its_halt() -> None:
    counts = IngestCounts(
        signal="traces", rows=9, late_rows=1, duplicate_rows=2, future_rows=3, refused_frames=0
    )
    fresh = (
        Freshness(signal="traces", age_s=1.5, rows=9),
        Freshness(signal="logs", age_s=None, rows=0),
    )
    found = samples(replace(EMPTY, freshness=fresh, ingest=(counts,), halted='a "bug"\n'))
    assert found["homeostat_telemetry_lag_seconds", ("traces",)] == 1.5
    assert ("homeostat_telemetry_lag_seconds", ("logs",)) not in found
    assert found["homeostat_rows_total", ("traces", "late")] == 1
    assert found["homeostat_halted", ()] == 1


def test_what_receivers_say_of_services_is_added_up_and_ranked() -> None:
    def told(service: str, accepted: int) -> dict[str, Any]:
        names = {"namespace": "shop", "service": service}
        return {**names, "accepted": accepted, "rejected": 1, "inherited": 0}

    found = top_services([[told("a", 5), told("b", 6)], [told("a", 3)]])
    assert [(one.service, one.accepted, one.rejected) for one in found] == [
        ("a", 8, 2),
        ("b", 6, 1),
    ]
