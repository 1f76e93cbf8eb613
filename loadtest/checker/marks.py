"""Sets that stay small however long a run is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from loadtest.checker.verdict import Violation
from loadtest.order import Operation

_FARTHEST = 1 << 26  # a bitmap up to here is 8 MB; what lies beyond is kept as it is
SHOWN = 10


class Room:
    """How many operations the products of a round may keep, all together and each."""

    __slots__ = ("_all", "_least", "each")

    def __init__(self, operations: int = 4_096, least: int = 64) -> None:
        self._all = self.each = operations
        self._least = least

    def share(self, products: int) -> None:
        """So many products share it."""
        self.each = max(self._least, self._all // products)


class Bitmap:
    """A set of whole numbers from 0, one bit each."""

    __slots__ = ("_bits", "_far")

    def __init__(self) -> None:
        self._bits = bytearray()
        self._far: set[int] = set()

    def add(self, number: int) -> bool:
        """Add it, and say whether it was new."""
        if not 0 <= number < _FARTHEST:
            new = number not in self._far
            self._far.add(number)
            return new
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(max(place + 1 - len(self._bits), len(self._bits) // 8)))
        new = not self._bits[place] & bit
        self._bits[place] |= bit
        return new

    def missing(self, first: int, end: int) -> Iterator[int]:
        """The numbers from `first` to below `end` that are not in it."""
        return (number for number in range(first, end) if number not in self)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        if not 0 <= number < _FARTHEST:
            return number in self._far
        return place < len(self._bits) and bool(self._bits[place] & 1 << (number & 7))


class Marks:
    """A set of order ids. Of ids that end in `-` and a number, as the runner gives them, each takes one bit."""

    __slots__ = ("_numbered", "_others")

    def __init__(self) -> None:
        self._numbered: dict[str, Bitmap] = {}
        self._others: set[str] = set()

    def add(self, order_id: str) -> bool:
        """Add it, and say whether it was new."""
        prefix, number = _split(order_id)
        if number is not None:
            bitmap = self._numbered.get(prefix)
            if bitmap is None:
                bitmap = self._numbered[prefix] = Bitmap()
            return bitmap.add(number)
        new = order_id not in self._others
        self._others.add(order_id)
        return new

    def __contains__(self, order_id: str) -> bool:
        prefix, number = _split(order_id)
        if number is not None:
            return prefix in self._numbered and number in self._numbered[prefix]
        return order_id in self._others


@lru_cache(maxsize=4_096)  # the same order is asked for again and again
def _split(order_id: str) -> tuple[str, int | None]:
    """What stands before the last dash, and the number after it, if its digits can be had back from it."""
    prefix, dash, number = order_id.rpartition("-")
    plain = number.isdecimal() and number.isascii() and len(number) < 16 and (number[0] != "0" or number == "0")
    return (prefix, int(number)) if dash and plain else (order_id, None)


@dataclass(slots=True)
class Evidence:
    """How many orders show something, the first ten of them, and the operations that show it, ten at most."""

    count: int = 0
    orders: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    fewest: int = SHOWN  # of the operations that are enough

    def add(self, order_id: str, *operations: Operation | None) -> None:
        """One order more."""
        self.count += 1
        if order_id and len(self.orders) < SHOWN:
            self.orders.append(order_id)
        for op in operations:
            if op is not None and len(self.operations) < SHOWN and op not in self.operations[-2:]:
                self.operations.append(op)

    def violation(self, kind: str, message: str, round_: int, product_id: str, fewest: int = SHOWN) -> Violation:
        """The violation that these orders show, of whose operations the first `fewest` are enough."""
        operations = tuple(self.operations[: min(fewest, self.fewest)])
        return Violation(kind, message, round_, product_id, tuple(self.orders[:SHOWN]), self.count, operations)
