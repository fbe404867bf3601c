"""Bodies are inflated up to the limit, and not a byte further."""

import gzip
import tracemalloc
import zlib

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.inflate import TooLargeError, coding_of, inflate

TEXT = b"a span, a point or a record " * 100


def test_gzip_deflate_and_raw_deflate() -> None:
    raw = zlib.compressobj(wbits=-15)
    assert inflate(gzip.compress(TEXT), "gzip", 10_000) == TEXT
    assert inflate(zlib.compress(TEXT), "deflate", 10_000) == TEXT
    assert inflate(raw.compress(TEXT) + raw.flush(), "deflate", 10_000) == TEXT


def test_members_of_gzip_are_joined_and_limited_together() -> None:
    members = gzip.compress(TEXT) + gzip.compress(TEXT)
    assert inflate(members, "gzip", 2 * len(TEXT)) == 2 * TEXT
    with pytest.raises(TooLargeError):
        inflate(members, "gzip", 2 * len(TEXT) - 1)


def test_the_limit_itself_passes() -> None:
    assert inflate(gzip.compress(TEXT), "gzip", len(TEXT)) == TEXT
    with pytest.raises(TooLargeError):
        inflate(gzip.compress(TEXT), "gzip", len(TEXT) - 1)


PLAIN = gzip.compress(bytes(40 * 2**20), 1)
LYING = PLAIN[:-4] + bytes(4)


@pytest.mark.parametrize("bomb", [PLAIN, LYING, 3 * LYING[:-8] + PLAIN, PLAIN + LYING])
def test_a_bomb_costs_no_memory(bomb: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        inflate(bomb, "gzip", 30 * 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


@pytest.mark.parametrize("members", [1, 2])
def test_what_is_dense_but_within_the_limit_is_inflated(members: int) -> None:
    dense = gzip.compress(bytes(6 * 2**20), 9) * members
    assert inflate(dense, "gzip", 12 * 2**20) == bytes(members * 6 * 2**20)


def test_how_a_body_is_compressed_shows_in_its_first_bytes() -> None:
    assert coding_of(gzip.compress(TEXT)) == "gzip"
    assert [coding_of(zlib.compress(TEXT, level)) for level in range(10)] == ["deflate"] * 10
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="a")
    assert coding_of(request.SerializeToString()) is None
    assert coding_of(b"") is None


@pytest.mark.parametrize(
    "body", [b"", b"x", TEXT, gzip.compress(TEXT)[:-1], gzip.compress(TEXT) + b"garbage"]
)
def test_what_is_no_gzip_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        inflate(body, "gzip", 10_000)


def test_garbage_behind_deflate_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="behind the end"):
        inflate(zlib.compress(TEXT) + b"garbage", "deflate", 10_000)
