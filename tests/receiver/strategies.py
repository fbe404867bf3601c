"""Values that senders put into OTLP messages, usual and odd ones."""

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from tests.receiver.reference import INT64_MAX

OTHER = ("http.route", "peer", "server.addresses", "", "é")

words = st.sampled_from(["", "cart", "shop", "200", "404", "500", "14", "INTERNAL", "not_found"])
scalars = (
    st.builds(AnyValue, string_value=words)
    | st.builds(AnyValue, int_value=st.sampled_from([0, 5, 14, 17, 200, 404, 500, 2**40, -1]))
    | st.builds(AnyValue, double_value=st.sampled_from([1.5, 200.0]))
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.just(AnyValue())
)
nested = st.builds(
    lambda values: AnyValue(array_value=ArrayValue(values=values)), st.lists(scalars, max_size=2)
)


def attributes(*groups: tuple[str, ...]) -> st.SearchStrategy[list[KeyValue]]:
    """Each key at most once, as OTLP demands."""
    keys = [key for group in groups for key in group]
    pairs = st.dictionaries(st.sampled_from(keys), scalars | nested, max_size=5)
    return pairs.map(lambda found: [KeyValue(key=key, value=v) for key, v in found.items()])


times = st.sampled_from([0, 1, 2, 10**18, INT64_MAX, 2**63, 2**64 - 1])
ids = st.sampled_from([b"", b"\0" * 8, b"\0" * 16, b"s" * 8, b"t" * 16, b"x" * 15])
