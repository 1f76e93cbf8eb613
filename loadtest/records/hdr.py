"""Buckets of latencies in HdrHistogram's layout, and their text form that every HdrHistogram library reads.

The layout is that of three significant digits from 1 ns to one hour. The text is base64 of a header and a zlib stream
of a second header and the counts, each a ZigZag LEB128 number of at most nine bytes; a negative one says how many
empty buckets follow. Source: V2 encoding of EncodableHistogram in github.com/HdrHistogram/HdrHistogram.
"""

import struct
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence

HIGHEST_NS = 3_600_000_000_000
BUCKETS = 33_792
SUB_BUCKET_BITS = 11  # 2,048 sub-buckets hold three significant digits

_OUTER = struct.Struct(">II")  # cookie, length of the stream
_INNER = struct.Struct(">IIIIqqd")  # cookie, length of the counts, index offset, digits, lowest, highest, conversion
_OUTER_COOKIE, _INNER_COOKIE = 0x1C849314, 0x1C849313
_LAYOUT = (0, 3, 1, HIGHEST_NS, 1.0)
_LONGEST_NUMBER = 9


def index_of(value_ns: int) -> int:
    """The bucket of a value from 0 to HIGHEST_NS."""
    shift = value_ns.bit_length() - SUB_BUCKET_BITS
    return (shift << 10) + (value_ns >> shift) if shift > 0 else value_ns


def lowest_ns(index: int) -> int:
    """The lowest value that counts in this bucket."""
    shift = _shift(index)
    return (index - (shift << 10)) << shift


def highest_ns(index: int) -> int:
    """The highest value that counts in this bucket."""
    return lowest_ns(index) + (1 << _shift(index)) - 1


def _shift(index: int) -> int:
    return max(0, (index >> 10) - 1)


def encode(counts: Sequence[int], used: int) -> str:
    """The text of these counts, of which the first `used` are written: the others are empty."""
    numbers = bytearray()
    for number in _with_runs(counts[:used]):
        _append(numbers, number)
    stream = zlib.compress(_INNER.pack(_INNER_COOKIE, len(numbers), *_LAYOUT) + numbers)
    return b64encode(_OUTER.pack(_OUTER_COOKIE, len(stream)) + stream).decode("ascii")


def _with_runs(counts: Iterable[int]) -> Iterator[int]:
    """The counts, with the empty buckets of a row as one negative number."""
    empty = 0
    for count in counts:
        if not count:
            empty += 1
            continue
        if empty:
            yield -empty
            empty = 0
        yield count
    if empty:
        yield -empty


def _append(numbers: bytearray, number: int) -> None:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    for _ in range(_LONGEST_NUMBER - 1):
        if rest < 0x80:
            break
        numbers.append(rest & 0x7F | 0x80)
        rest >>= 7
    numbers.append(rest)


def decode(text: str) -> list[int]:
    """The count of each bucket. Raises ValueError if the text is damaged, or of another layout."""
    packed = b64decode(text, validate=True)
    if len(packed) < _OUTER.size:
        raise ValueError("it ends within its header")
    if _OUTER.unpack_from(packed) != (_OUTER_COOKIE, len(packed) - _OUTER.size):
        raise ValueError("its header is not that of a compressed histogram, or tells another length")
    numbers = _numbers(packed[_OUTER.size :])
    counts = [0] * BUCKETS
    position = index = 0
    while position < len(numbers):
        number, position = _read(numbers, position)
        if index + max(1, -number) > BUCKETS:
            raise ValueError("it has more buckets than its layout")
        if number > 0:
            counts[index] = number
        index += max(1, -number)
    return counts


def _numbers(stream: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        inner = inflater.decompress(stream, _INNER.size + _LONGEST_NUMBER * BUCKETS)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not inflater.eof or len(inner) < _INNER.size:
        raise ValueError("it is cut, or longer than its layout allows")
    cookie, length, *layout = _INNER.unpack_from(inner)
    if cookie != _INNER_COOKIE or length != len(inner) - _INNER.size:
        raise ValueError("it is not in the V2 encoding, or tells another length")
    if tuple(layout) != _LAYOUT:
        raise ValueError("it has another range or precision than the histograms of loadtest")
    return inner[_INNER.size :]


def _read(numbers: bytes, position: int) -> tuple[int, int]:
    """The number there, and where the next one begins."""
    value = shift = 0
    while position < len(numbers):
        byte, position = numbers[position], position + 1
        if byte < 0x80 or shift == 7 * (_LONGEST_NUMBER - 1):  # the ninth byte has eight bits of the number
            value |= byte << shift
            return (value >> 1) ^ -(value & 1), position
        value |= (byte & 0x7F) << shift
        shift += 7
    raise ValueError("it ends within a number")
