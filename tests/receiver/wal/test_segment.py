"""Whatever happens to the bytes of a segment: what is read is a prefix of what was written."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.wal.record import encode
from receiver.wal.segment import HEADER_BYTES, Contents, Header, contents_of, records_of

HEADER = Header(epoch="ab" * 16, created_unix_ns=7, index=3, identity=b"i" * 16)
Written = list[tuple[Mapping[str, Any], bytes]]
RECORDS = st.lists(
    st.tuples(
        st.fixed_dictionaries({"sequence": st.integers(0, 2**60)}),
        st.one_of(st.binary(max_size=200), st.just(b"HsR1\x01\x00\x00\x00" * 9)),
    ),
    min_size=1,
    max_size=6,
)


def segment(records: Written, *, synced_each: bool = True) -> tuple[bytes, list[int]]:
    """Return a segment's bytes, and where each record begins."""
    data, starts = HEADER.pack(), []
    for head, body in records:
        starts.append(len(data))
        synced = len(data) if synced_each else HEADER_BYTES
        data += b"".join(
            bytes(piece) for piece in encode("frame", head, [body], seed=HEADER.seed, synced=synced)
        )
    return data, starts


def read(data: bytes) -> Written:
    at = lambda offset, size: data[offset : offset + size]  # noqa: E731 - a file in one line
    return [(entry.head, body) for entry, body in records_of(at, size=len(data))]


def listed(data: bytes, *, synced: int = 0) -> Contents:
    at = lambda offset, size: data[offset : offset + size]  # noqa: E731 - a file in one line
    return contents_of(at, Header.read(at), size=len(data), synced=synced)


@given(RECORDS)
def test_what_is_written_is_read(records: Written) -> None:
    data, _ = segment(records)
    assert read(data) == records
    assert listed(data).lost is None


@given(RECORDS, st.data())
def test_a_cut_anywhere_leaves_a_prefix(records: Written, data: st.DataObject) -> None:
    whole, starts = segment(records)
    end = data.draw(st.integers(0, len(whole)))
    left = read(whole[:end])
    assert left == records[: len(left)]
    assert len(left) == sum(start <= end for start in [*starts[1:], len(whole)])


@settings(max_examples=300)
@given(RECORDS, st.data())
def test_a_flipped_bit_anywhere_leaves_a_prefix(records: Written, data: st.DataObject) -> None:
    whole, starts = segment(records)
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    damaged = bytearray(whole)
    damaged[bit // 8] ^= 1 << bit % 8
    left = read(bytes(damaged))
    before = sum(end <= bit // 8 for end in [*starts[1:], len(whole)])
    assert left == records[:before]


@given(RECORDS, st.binary(min_size=1, max_size=64), st.data())
def test_scribbled_bytes_leave_a_prefix(
    records: Written, noise: bytes, data: st.DataObject
) -> None:
    whole, _ = segment(records)
    place = data.draw(st.integers(0, len(whole) - 1))
    left = read(whole[:place] + noise + whole[place + len(noise) :])
    assert left == records[: len(left)]


@given(RECORDS)
def test_records_of_another_segment_are_none_of_ours(records: Written) -> None:
    data, _ = segment(records)
    other = Header(epoch=HEADER.epoch, created_unix_ns=7, index=3, identity=b"j" * 16)
    assert read(other.pack() + data[HEADER_BYTES:]) == []


TWO: Written = [({"sequence": 1}, b"one"), ({"sequence": 2}, b"two")]


def test_a_torn_tail_is_no_loss() -> None:
    data, _ = segment(TWO)
    assert listed(data[:-1]).lost is None
    assert [entry.head for entry in listed(data[:-1]).entries] == [{"sequence": 1}]


def test_damage_before_a_record_that_says_it_was_on_disk_is_a_loss() -> None:
    data, starts = segment(TWO)
    damaged = bytearray(data)
    damaged[starts[0] + 20] ^= 1
    found = listed(bytes(damaged))
    assert found.entries == ()
    assert found.lost is not None


def test_a_hole_in_a_group_that_was_never_synced_is_no_loss() -> None:
    data, starts = segment(TWO, synced_each=False)
    damaged = bytearray(data)
    damaged[starts[0] + 20] ^= 1
    assert listed(bytes(damaged)).lost is None


def test_a_segment_shorter_than_the_next_one_says_is_a_loss() -> None:
    data, starts = segment(TWO)
    assert listed(data, synced=len(data)).lost is None
    assert listed(data[: starts[1]], synced=len(data)).lost is not None
    assert listed(data[: starts[1] + 5], synced=len(data)).lost is not None
