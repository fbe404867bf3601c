"""Requests that are decoded together: what one of them or all of them come to harms no good one."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from receiver import attributes, engines, labels, reference, streams
from receiver.decode import decode
from receiver.settings import Engine
from tests.receiver.test_hostile import assert_only_the_second_is_refused, good_request, inside


def test_want_of_memory_is_no_fault_and_no_work_for_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = engines._HANDLERS["traces"]

    def starved(bodies: Sequence[bytes]) -> pa.RecordBatch:
        if good_request(9) in bodies:
            raise pa.ArrowMemoryError("malloc of size 64 failed")
        return whole(bodies)

    def never(*_: Any) -> pa.RecordBatch:
        raise AssertionError("the reference needs more memory still")

    monkeypatch.setitem(engines._HANDLERS, "traces", starved)
    monkeypatch.setattr(reference, "columns", never)
    bodies = [good_request(), good_request(9), good_request()]
    assert_only_the_second_is_refused(bodies, "memory")


def good_metrics(word: str) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.name, metric.unit = "http.server.request.duration", "s"
    metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    for number in range(4):
        point = metric.histogram.data_points.add(
            time_unix_nano=10**18, count=1, bucket_counts=[1, 0], explicit_bounds=[1.0]
        )
        attribute = point.attributes.add(key="http.route")
        attribute.value.string_value = f"/{word}/{number}"
    return request.SerializeToString()


@pytest.mark.parametrize("engine", ["fast", "reference"])
@pytest.mark.parametrize(
    ("module", "limit"),
    [(attributes, "DISTINCT_MAX"), (streams, "DISTINCT_MAX")],
    ids=["that are read", "of streams"],
)
def test_values_that_are_too_many_only_together_are_nobodys_fault(
    module: Any, limit: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [good_metrics(word) for word in ("a", "b", "c")]
    wanted = decode("metrics", bodies, items_max=1000).rows
    monkeypatch.setattr(module, limit, 6)
    decoded = decode("metrics", bodies, items_max=1000, engine=engine)
    assert decoded.outcomes == ({}, {}, {})
    assert decoded.rows.num_rows == 12
    assert decoded.rows.to_pylist() == wanted.to_pylist()
    monkeypatch.setattr(module, limit, 3)
    refused = decode("metrics", bodies, items_max=1000, engine=engine)
    assert [getattr(one, "reason", None) for one in refused.outcomes] == ["malformed"] * 3


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_resources_that_are_too_many_only_together_are_nobodys_fault(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many = (inside(inside(b"", 1) * number, 1, 1) + good_request() for number in (1, 3))
    bodies = [one, one, many, one, one]
    monkeypatch.setattr(labels, "ATTRIBUTES_MAX", 2)
    decoded = decode("traces", bodies, items_max=1000, engine=engine)
    reasons = [getattr(outcome, "reason", None) for outcome in decoded.outcomes]
    assert reasons == [None, None, "malformed", None, None]
    assert decoded.rows.num_rows == 12


def test_requests_that_only_fail_together_are_decoded_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = engines._HANDLERS["traces"]

    def fragile(bodies: Sequence[bytes]) -> pa.RecordBatch:
        if len(bodies) > 1:
            raise ValueError("too much at once")
        return whole(bodies)

    monkeypatch.setitem(engines._HANDLERS, "traces", fragile)
    decoded = decode("traces", [good_request(), good_request()], items_max=1000)
    assert decoded.outcomes == ({}, {})
    assert decoded.by_reference == 0
