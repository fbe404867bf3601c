"""Points of request durations: which they are, what goes on from what, and what is refused."""

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from receiver.decode import Decoded, decode

NAME = "http.server.request.duration"


def add_point(scope: Any, name: str = NAME, /, **attributes: str) -> Any:
    metric = scope.metrics.add(name=name, unit="s")
    metric.histogram.aggregation_temporality = 2
    point = metric.histogram.data_points.add(time_unix_nano=9, count=1, bucket_counts=[1])
    for key, text in attributes.items():
        point.attributes.add(key=key).value.string_value = text
    return point


def decoded(request: ExportMetricsServiceRequest) -> Decoded:
    return decode("metrics", [request.SerializeToString()], items_max=100)


def ids(request: ExportMetricsServiceRequest, column: str = "stream_id") -> list[int]:
    found: list[int] = decoded(request).rows.column(column).to_pylist()
    assert None not in found
    return found


def test_a_stream_is_of_a_set_of_attributes_in_whatever_order() -> None:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    add_point(scope, a="1", b="2")
    add_point(scope, b="2", a="1")
    add_point(scope, a="2", b="1")
    add_point(scope, a="1")
    add_point(scope)
    same, again, *others = ids(request)
    assert same == again
    assert len({same, *others}) == 4


def test_a_stream_is_of_one_unit_kind_and_temporality() -> None:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for unit in ("s", "ms"):
        for kind in ("histogram", "exponential_histogram"):
            for temporality in (1, 2):
                metric = scope.metrics.add(name=NAME, unit=unit)
                told = getattr(metric, kind)
                told.aggregation_temporality = temporality
                told.data_points.add(time_unix_nano=9, count=1)
    assert len(set(ids(request))) == 8


def test_a_stream_is_of_one_resource_scope_and_name_and_the_same_in_each_request() -> None:
    request = ExportMetricsServiceRequest()
    for service in ("cart", "back"):
        group = request.resource_metrics.add()
        group.resource.attributes.add(key="service.name").value.string_value = service
        for library in ("one", "other"):
            scope = group.scope_metrics.add()
            scope.scope.name = library
            add_point(scope)
            add_point(scope, "rpc.server.call.duration")
    found = ids(request)
    assert len(set(found)) == 8
    assert ids(request) == found
    assert ids(request, "resource_id")[0] == ids(request, "resource_id")[3]
    assert len(set(ids(request, "resource_id"))) == 2


def test_what_cannot_be_is_told_as_rejected_and_costs_no_neighbour() -> None:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    add_point(scope).explicit_bounds.extend([1.0, 2.0])
    add_point(scope).count = 2**50
    add_point(scope).bucket_counts.extend([0] * 1000)
    add_point(scope)
    add_point(scope, "some.other.histogram").explicit_bounds.extend([1.0, 2.0])
    found = decoded(request)
    assert found.outcomes == (
        {"buckets without proper bounds": 1, "impossible counts": 1, "too many buckets": 1},
    )
    assert found.rows.column("name").to_pylist() == [NAME, "some.other.histogram"]


def test_nobody_reads_the_buckets_of_other_histograms_so_none_are_held() -> None:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    add_point(scope, "http.server.request.body.size")
    (row,) = decoded(request).rows.to_pylist()
    assert row["bucket_counts"] is None
    assert row["stream_id"] is None


def test_the_exemplar_is_the_worst_that_names_a_trace() -> None:
    request = ExportMetricsServiceRequest()
    point = add_point(request.resource_metrics.add().scope_metrics.add())
    for value, trace in ((9.0, b""), (7.0, b"t" * 16), (8.0, bytes(16)), (1.0, b"u" * 16)):
        point.exemplars.add(as_double=value, trace_id=trace)
    point.exemplars.add(as_double=float("nan"), trace_id=b"v" * 16)
    assert decoded(request).rows.column("exemplar").to_pylist() == [b"t" * 16]
