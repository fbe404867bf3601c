"""The local framing: whole messages however the bytes arrive, and no stranger is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.framing import (
    BODY_MAX_BYTES,
    FramingError,
    Message,
    Unpacker,
    pack,
    parse_header,
    parse_lengths,
)

HEADERS = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=4)


@given(
    messages=st.lists(st.tuples(HEADERS, st.binary(max_size=50)), max_size=5),
    cut=st.integers(1, 20),
)
def test_messages_survive_any_division_of_their_bytes(
    messages: list[tuple[dict[str, object], bytes]], cut: int
) -> None:
    stream = b"".join(pack(header, len(body)) + body for header, body in messages)
    unpacker = Unpacker()
    found: list[Message] = []
    for start in range(0, len(stream), cut):
        found += unpacker.feed(stream[start : start + cut])
    assert [(dict(m.header), bytes(m.body)) for m in found] == messages


@given(st.binary(min_size=8, max_size=8))
def test_lengths_beyond_the_bound_are_refused_before_anything_is_read(prefix: bytes) -> None:
    try:
        _, body_bytes = parse_lengths(prefix)
    except FramingError:
        return
    assert body_bytes <= BODY_MAX_BYTES


@pytest.mark.parametrize("text", [b"[1]", b"nonsense", b"\xff\xfe"])
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(FramingError):
        parse_header(text)
