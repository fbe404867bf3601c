"""Metrics of all kinds, and among them those that tell of served requests."""

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    Metric,
)

from tests.receiver.reference import GRPC, HTTP
from tests.receiver.reference_metrics import DURATIONS
from tests.receiver.strategies import attributes, times, words

HUGE = 2**40 + 1
places = st.sampled_from(
    [
        *(("http.route", route) for route in ("/cart", "/healthz", "/api/ready", "/readyness")),
        *(("rpc.service", name) for name in ("shop.Cart", "grpc.health.v1.Health")),
    ]
)


def placed(found: list[KeyValue], place: tuple[str, str]) -> list[KeyValue]:
    return [*found, KeyValue(key=place[0], value=AnyValue(string_value=place[1]))]


some = attributes(("peer", "", "é", "error.type"), HTTP, GRPC)
numbers = st.fixed_dictionaries(
    {
        "time_unix_nano": times,
        "start_time_unix_nano": times,
        "flags": st.sampled_from([0, 0, 1, 2]),
    },
    optional={"attributes": some | st.builds(placed, some, places)},
)
values = st.sampled_from([{}, {"as_double": 1.5}, {"as_double": 0.0}, {"as_int": -7}])
exemplars = st.lists(
    st.builds(
        Exemplar,
        as_double=st.sampled_from([0.5, 1.5, -1.0]),
        trace_id=st.sampled_from([b"", b"a" * 16, b"b" * 16, bytes(16), b"c" * 15]),
    )
    | st.builds(Exemplar, as_int=st.sampled_from([0, 7]), trace_id=st.just(b"d" * 16)),
    max_size=3,
    unique_by=lambda exemplar: exemplar.as_double or exemplar.as_int,
)
sums = st.fixed_dictionaries(
    {"count": st.sampled_from([0, 5, HUGE, 2**64 - 1])}, optional={"sum": st.just(0.5)}
)
tails = st.fixed_dictionaries({}, optional={"max": st.just(2.5), "exemplars": exemplars})
explicit = st.sampled_from(
    [
        {},
        {"bucket_counts": [3]},
        {"bucket_counts": [1, 2], "explicit_bounds": [0.5]},
        {"bucket_counts": [1, 2, 0], "explicit_bounds": [0.5, 2.5]},
        {"bucket_counts": [1, 2, 0], "explicit_bounds": [2.5, 0.5]},
        {"bucket_counts": [1, 2, 0], "explicit_bounds": [0.5, 0.5]},
        {"bucket_counts": [1, 2, 0], "explicit_bounds": [0.5, float("inf")]},
        {"bucket_counts": [1], "explicit_bounds": [0.5]},
        {"bucket_counts": [HUGE, 2], "explicit_bounds": [0.5]},
        {"bucket_counts": [2**64 - 1, 2], "explicit_bounds": [0.5]},
        {"bucket_counts": [1] * 1001, "explicit_bounds": list(range(1000))},
        {"explicit_bounds": [0.5]},
    ]
)
Buckets = ExponentialHistogramDataPoint.Buckets
exponential = st.fixed_dictionaries(
    {
        "scale": st.sampled_from([0, 3, 20, -10, 21, -11, 2**31 - 1]),
        "zero_count": st.sampled_from([0, 1, HUGE]),
    },
    optional={
        "positive": st.builds(
            Buckets,
            offset=st.sampled_from([0, -3, 2**31 - 1, -(2**31)]),
            bucket_counts=st.sampled_from([[], [1], [0, 2, 0], [HUGE], [1] * 1001]),
        ),
        "negative": st.builds(Buckets, bucket_counts=st.just([1])),
    },
)


def points(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    joined = st.tuples(numbers, *parts).map(
        lambda found: {k: v for d in found for k, v in d.items()}
    )
    return st.lists(joined, max_size=3)


def data(kind: str, *parts: st.SearchStrategy[Any], **fields: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries(
        {kind: st.fixed_dictionaries({"data_points": points(*parts), **fields})}
    )


temporality = st.sampled_from([0, 1, 2, 2, 9])
datas: st.SearchStrategy[dict[str, Any]] = (
    data("gauge", values)
    | data("sum", values, aggregation_temporality=temporality, is_monotonic=st.booleans())
    | data("histogram", sums, tails, explicit, aggregation_temporality=temporality)
    | data("exponential_histogram", sums, tails, exponential, aggregation_temporality=temporality)
    | data("summary", sums)
    | st.just({})
)
metrics = st.builds(
    lambda name, unit, data: Metric(name=name, unit=unit, **data),
    words | st.sampled_from(sorted(DURATIONS)),
    st.sampled_from(["", "s", "ms", "By"]),
    datas,
)
