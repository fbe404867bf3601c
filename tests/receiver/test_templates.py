import pyarrow as pa
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from receiver.templates import templates


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("served user 17 in 3.5 ms", "served user * in * ms"),
        ("order 41dab992-ae96 failed", "order * failed"),
        ("a=1, b=two", "a=*, b=*"),
        ('{"time":"x","message":"got 5 items","level":"info"}', "got * items"),
        ("", ""),
        ("x" * 300, "x" * 100),
    ],
)
def test_values_are_no_part_of_a_template(text: str, template: str) -> None:
    body = AnyValue(string_value=text).SerializeToString()
    assert templates(pa.array([body], pa.binary())).to_pylist() == [template]


def test_hostile_bytes_become_some_template() -> None:
    bodies = [b"", None, b"\n", b"\n\xff\xff\xff", b"\xff\xfe\x00", b"\n\x05ab"]
    assert len(templates(pa.array(bodies, pa.binary()))) == len(bodies)
