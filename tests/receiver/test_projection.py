"""The projection is what proto/ says, wire-compatible with OTLP, and covered by its outline."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2 as full_common

from receiver.projection import common_pb2, logs_pb2, metrics_pb2, outline_pb2, trace_pb2

REPOSITORY = Path(__file__).parents[2]
VARINT = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM}
BYTES = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE}
REQUESTS = [
    (trace_pb2.TracesData, trace_service_pb2.ExportTraceServiceRequest),
    (metrics_pb2.MetricsData, metrics_service_pb2.ExportMetricsServiceRequest),
    (logs_pb2.LogsData, logs_service_pb2.ExportLogsServiceRequest),
    (common_pb2.KeyValue, full_common.KeyValue),
    (common_pb2.ExportResponse, trace_service_pb2.ExportTraceServiceResponse),
]


def test_committed_code_is_what_the_generator_writes(tmp_path: Path) -> None:
    generate = runpy.run_path(str(REPOSITORY / "proto" / "generate.py"))["generate"]
    generate(tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*_pb2.py*"))
    assert len(written) == 10
    for path in written:
        assert (REPOSITORY / path).read_text() == (tmp_path / path).read_text(), path


def same_on_the_wire(ours: FieldDescriptor, theirs: FieldDescriptor) -> bool:
    return any(
        ours.type in kinds and theirs.type in kinds for kinds in (VARINT, BYTES, {theirs.type})
    )


def assert_projects(ours: Descriptor | None, theirs: Descriptor | None) -> None:
    assert ours is not None
    assert theirs is not None
    for field in ours.fields:
        original = theirs.fields_by_number[field.number]
        assert same_on_the_wire(field, original), field.full_name
        assert field.is_repeated == original.is_repeated, field.full_name
        assert (field.containing_oneof is None) == (original.containing_oneof is None)
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            assert_projects(field.message_type, original.message_type)
        if theirs.full_name.endswith("PartialSuccess"):
            continue  # `rejected` is named after its signal in OTLP
        assert field.name == original.name


@pytest.mark.parametrize(("ours", "theirs"), REQUESTS)
def test_projection_reads_what_otlp_writes(ours: Any, theirs: Any) -> None:
    assert_projects(ours.DESCRIPTOR, theirs.DESCRIPTOR)


def messages_below(descriptor: Descriptor | None) -> set[tuple[int, ...]]:
    """Return the paths of field numbers to all messages below."""
    assert descriptor is not None
    return {
        (field.number, *rest)
        for field in descriptor.fields
        if field.type == FieldDescriptor.TYPE_MESSAGE
        for rest in ((), *messages_below(field.message_type))
    }


@pytest.mark.parametrize(
    ("projection", "outline"),
    [
        (trace_pb2.TracesData, outline_pb2.TracesOutline),
        (metrics_pb2.MetricsData, outline_pb2.MetricsOutline),
        (logs_pb2.LogsData, outline_pb2.LogsOutline),
    ],
)
def test_outline_goes_into_each_message_that_the_projection_goes_into(
    projection: Any, outline: Any
) -> None:
    assert messages_below(projection.DESCRIPTOR) == messages_below(outline.DESCRIPTOR)
