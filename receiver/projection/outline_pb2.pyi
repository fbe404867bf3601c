from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TracesOutline(_message.Message):
    __slots__ = ("resource_spans",)
    class Resources(_message.Message):
        __slots__ = ("resource", "scope_spans")
        RESOURCE_FIELD_NUMBER: _ClassVar[int]
        SCOPE_SPANS_FIELD_NUMBER: _ClassVar[int]
        resource: Leaf
        scope_spans: _containers.RepeatedCompositeFieldContainer[TracesOutline.Scope]
        def __init__(self, resource: _Optional[_Union[Leaf, _Mapping]] = ..., scope_spans: _Optional[_Iterable[_Union[TracesOutline.Scope, _Mapping]]] = ...) -> None: ...
    class Scope(_message.Message):
        __slots__ = ("spans",)
        SPANS_FIELD_NUMBER: _ClassVar[int]
        spans: _containers.RepeatedCompositeFieldContainer[TracesOutline.Item]
        def __init__(self, spans: _Optional[_Iterable[_Union[TracesOutline.Item, _Mapping]]] = ...) -> None: ...
    class Item(_message.Message):
        __slots__ = ("status",)
        STATUS_FIELD_NUMBER: _ClassVar[int]
        status: Leaf
        def __init__(self, status: _Optional[_Union[Leaf, _Mapping]] = ...) -> None: ...
    RESOURCE_SPANS_FIELD_NUMBER: _ClassVar[int]
    resource_spans: _containers.RepeatedCompositeFieldContainer[TracesOutline.Resources]
    def __init__(self, resource_spans: _Optional[_Iterable[_Union[TracesOutline.Resources, _Mapping]]] = ...) -> None: ...

class MetricsOutline(_message.Message):
    __slots__ = ("resource_metrics",)
    class Resources(_message.Message):
        __slots__ = ("resource", "scope_metrics")
        RESOURCE_FIELD_NUMBER: _ClassVar[int]
        SCOPE_METRICS_FIELD_NUMBER: _ClassVar[int]
        resource: Leaf
        scope_metrics: _containers.RepeatedCompositeFieldContainer[MetricsOutline.Scope]
        def __init__(self, resource: _Optional[_Union[Leaf, _Mapping]] = ..., scope_metrics: _Optional[_Iterable[_Union[MetricsOutline.Scope, _Mapping]]] = ...) -> None: ...
    class Scope(_message.Message):
        __slots__ = ("metrics",)
        METRICS_FIELD_NUMBER: _ClassVar[int]
        metrics: _containers.RepeatedCompositeFieldContainer[MetricsOutline.Item]
        def __init__(self, metrics: _Optional[_Iterable[_Union[MetricsOutline.Item, _Mapping]]] = ...) -> None: ...
    class Item(_message.Message):
        __slots__ = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
        GAUGE_FIELD_NUMBER: _ClassVar[int]
        SUM_FIELD_NUMBER: _ClassVar[int]
        HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
        EXPONENTIAL_HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
        SUMMARY_FIELD_NUMBER: _ClassVar[int]
        gauge: MetricsOutline.Points
        sum: MetricsOutline.Points
        histogram: MetricsOutline.Histograms
        exponential_histogram: MetricsOutline.ExponentialHistograms
        summary: MetricsOutline.Points
        def __init__(self, gauge: _Optional[_Union[MetricsOutline.Points, _Mapping]] = ..., sum: _Optional[_Union[MetricsOutline.Points, _Mapping]] = ..., histogram: _Optional[_Union[MetricsOutline.Histograms, _Mapping]] = ..., exponential_histogram: _Optional[_Union[MetricsOutline.ExponentialHistograms, _Mapping]] = ..., summary: _Optional[_Union[MetricsOutline.Points, _Mapping]] = ...) -> None: ...
    class Points(_message.Message):
        __slots__ = ("data_points",)
        DATA_POINTS_FIELD_NUMBER: _ClassVar[int]
        data_points: _containers.RepeatedCompositeFieldContainer[Leaf]
        def __init__(self, data_points: _Optional[_Iterable[_Union[Leaf, _Mapping]]] = ...) -> None: ...
    class Histograms(_message.Message):
        __slots__ = ("data_points",)
        class Point(_message.Message):
            __slots__ = ("bucket_counts", "explicit_bounds")
            BUCKET_COUNTS_FIELD_NUMBER: _ClassVar[int]
            EXPLICIT_BOUNDS_FIELD_NUMBER: _ClassVar[int]
            bucket_counts: _containers.RepeatedScalarFieldContainer[int]
            explicit_bounds: _containers.RepeatedScalarFieldContainer[float]
            def __init__(self, bucket_counts: _Optional[_Iterable[int]] = ..., explicit_bounds: _Optional[_Iterable[float]] = ...) -> None: ...
        DATA_POINTS_FIELD_NUMBER: _ClassVar[int]
        data_points: _containers.RepeatedCompositeFieldContainer[MetricsOutline.Histograms.Point]
        def __init__(self, data_points: _Optional[_Iterable[_Union[MetricsOutline.Histograms.Point, _Mapping]]] = ...) -> None: ...
    class ExponentialHistograms(_message.Message):
        __slots__ = ("data_points",)
        class Point(_message.Message):
            __slots__ = ("positive",)
            POSITIVE_FIELD_NUMBER: _ClassVar[int]
            positive: MetricsOutline.ExponentialHistograms.Buckets
            def __init__(self, positive: _Optional[_Union[MetricsOutline.ExponentialHistograms.Buckets, _Mapping]] = ...) -> None: ...
        class Buckets(_message.Message):
            __slots__ = ("bucket_counts",)
            BUCKET_COUNTS_FIELD_NUMBER: _ClassVar[int]
            bucket_counts: _containers.RepeatedScalarFieldContainer[bytes]
            def __init__(self, bucket_counts: _Optional[_Iterable[bytes]] = ...) -> None: ...
        DATA_POINTS_FIELD_NUMBER: _ClassVar[int]
        data_points: _containers.RepeatedCompositeFieldContainer[MetricsOutline.ExponentialHistograms.Point]
        def __init__(self, data_points: _Optional[_Iterable[_Union[MetricsOutline.ExponentialHistograms.Point, _Mapping]]] = ...) -> None: ...
    RESOURCE_METRICS_FIELD_NUMBER: _ClassVar[int]
    resource_metrics: _containers.RepeatedCompositeFieldContainer[MetricsOutline.Resources]
    def __init__(self, resource_metrics: _Optional[_Iterable[_Union[MetricsOutline.Resources, _Mapping]]] = ...) -> None: ...

class LogsOutline(_message.Message):
    __slots__ = ("resource_logs",)
    class Resources(_message.Message):
        __slots__ = ("resource", "scope_logs")
        RESOURCE_FIELD_NUMBER: _ClassVar[int]
        SCOPE_LOGS_FIELD_NUMBER: _ClassVar[int]
        resource: Leaf
        scope_logs: _containers.RepeatedCompositeFieldContainer[LogsOutline.Scope]
        def __init__(self, resource: _Optional[_Union[Leaf, _Mapping]] = ..., scope_logs: _Optional[_Iterable[_Union[LogsOutline.Scope, _Mapping]]] = ...) -> None: ...
    class Scope(_message.Message):
        __slots__ = ("log_records",)
        LOG_RECORDS_FIELD_NUMBER: _ClassVar[int]
        log_records: _containers.RepeatedCompositeFieldContainer[Leaf]
        def __init__(self, log_records: _Optional[_Iterable[_Union[Leaf, _Mapping]]] = ...) -> None: ...
    RESOURCE_LOGS_FIELD_NUMBER: _ClassVar[int]
    resource_logs: _containers.RepeatedCompositeFieldContainer[LogsOutline.Resources]
    def __init__(self, resource_logs: _Optional[_Iterable[_Union[LogsOutline.Resources, _Mapping]]] = ...) -> None: ...

class Leaf(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
