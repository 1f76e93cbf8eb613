"""HdrHistogram's own library for Python is the reference: every bucket, every byte."""

import struct
import zlib
from base64 import b64decode, b64encode

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given
from hypothesis import strategies as st

from loadtest.records import hdr

_COUNTS = st.integers(1, 2**20) | st.integers(1, 2**62)
_INDEXES = st.integers(0, hdr.index_of(hdr.HIGHEST_NS))


def library(values: dict[int, int]) -> HdrHistogram:
    made = HdrHistogram(1, hdr.HIGHEST_NS, 3)
    for index, count in values.items():
        assert made.record_value(hdr.lowest_ns(index), count)
    return made


def listed(values: dict[int, int]) -> list[int]:
    counts = [0] * hdr.BUCKETS
    for index, count in values.items():
        counts[index] = count
    return counts


@given(st.dictionaries(_INDEXES, _COUNTS, max_size=12))
@example({})
@example({0: 1, 1: 1, 3: 63, 4: 64})  # one empty bucket; one byte, two bytes
@example({7: 2**62})  # nine bytes
@example({hdr.index_of(hdr.HIGHEST_NS): 1})
def test_the_text_is_byte_by_byte_that_of_the_library(values: dict[int, int]) -> None:
    text = hdr.encode(listed(values), max(values, default=-1) + 1)
    assert text == library(values).encode().decode("ascii")
    assert hdr.decode(text) == listed(values)


@given(_INDEXES)
@example(2047)
@example(2048)
@example(4095)
@example(4096)
def test_a_bucket_begins_and_ends_where_the_library_has_it(index: int) -> None:
    known = HdrHistogram(1, hdr.HIGHEST_NS, 3)
    lowest = known.get_value_from_index(index)
    assert (hdr.lowest_ns(index), hdr.highest_ns(index)) == (lowest, known.get_highest_equivalent_value(lowest))
    assert hdr.index_of(hdr.lowest_ns(index)) == hdr.index_of(hdr.highest_ns(index)) == index


def test_there_are_as_many_buckets_as_in_the_library() -> None:
    assert HdrHistogram(1, hdr.HIGHEST_NS, 3).counts_len == hdr.BUCKETS


def text(numbers: bytes, *, outer: int = 0x1C849314, layout: tuple[float, ...] = (0, 3, 1, hdr.HIGHEST_NS, 1.0)) -> str:
    stream = zlib.compress(struct.pack(">IIIIqqd", 0x1C849313, len(numbers), *layout) + numbers)
    return b64encode(struct.pack(">II", outer, len(stream)) + stream).decode()


GOOD = b64decode(hdr.encode([1, 2, 3], 3))


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        ("", "ends within its header"),
        ("HISTé", "ASCII"),
        (b64encode(GOOD[:-3]).decode(), "another length"),
        (b64encode(GOOD[:-1] + b"?").decode(), "incorrect data check"),
        (text(b"\x02", outer=0x1C849301), "not that of a compressed histogram"),
        (text(b"\x02", layout=(0, 2, 1, hdr.HIGHEST_NS, 1.0)), "another range or precision"),
        (text(b"\x80"), "ends within a number"),
        (text(b"\x02" * (hdr.BUCKETS + 1)), "more buckets"),
        (text(b"\xff\xff\xff\x7f\x02"), "more buckets"),
        (text(b"\x00" * 10_000_000), "longer than its layout"),
    ],
)
def test_what_is_damaged_is_refused(damaged: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        hdr.decode(damaged)
