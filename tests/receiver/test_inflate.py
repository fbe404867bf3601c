"""Bodies are inflated up to the limit, and not a byte further."""

import gzip
import tracemalloc
import zlib

import pytest

from receiver.inflate import TooLargeError, inflate

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


def test_a_bomb_costs_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(bytes(200 * 2**20), 9)
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        inflate(bomb, "gzip", 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20


@pytest.mark.parametrize(
    "body", [b"", b"x", TEXT, gzip.compress(TEXT)[:-1], gzip.compress(TEXT) + b"garbage"]
)
def test_what_is_no_gzip_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        inflate(body, "gzip", 10_000)


def test_garbage_behind_deflate_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="behind the end"):
        inflate(zlib.compress(TEXT) + b"garbage", "deflate", 10_000)
