"""Sets that stay small however long a run is."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from loadtest.checker.verdict import Violation
from loadtest.events import Operation

_FARTHEST = 1 << 26  # a bitmap up to here is 8 MB; what lies beyond is kept as it is
_PAGE_BITS = 9
_IN_PAGE = (1 << _PAGE_BITS) - 1
_DIGITS = 16  # no order is counted so far
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


class Bitsets:
    """Flags of orders, eight each. An id that ends in `-` and a number, as the runner gives them, takes one byte."""

    __slots__ = ("_others", "_pages")

    def __init__(self) -> None:
        self._pages: dict[tuple[str, int], bytearray] = {}
        self._others: dict[str, bytearray] = {}

    def at(self, order_id: str) -> tuple[bytearray, int]:
        """Where its flags are and stay: an array and the place in it."""
        prefix, dash, digits = order_id.rpartition("-")
        plain = digits.isdecimal() and digits.isascii() and (digits[0] != "0" or digits == "0")
        if not (dash and plain and len(digits) < _DIGITS):
            return self._others.setdefault(order_id, bytearray(1)), 0
        number = int(digits)
        page = self._pages.get((prefix, number >> _PAGE_BITS))
        if page is None:
            page = self._pages[prefix, number >> _PAGE_BITS] = bytearray(1 << _PAGE_BITS)
        return page, number & _IN_PAGE

    def add(self, order_id: str, flag: int) -> bool:
        """Give it a flag, and say whether it had not had it."""
        page, place = self.at(order_id)
        new = not page[place] & flag
        page[place] |= flag
        return new

    def has(self, order_id: str, flag: int) -> bool:
        """Whether it has the flag."""
        page, place = self.at(order_id)
        return bool(page[place] & flag)


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
        if len(self.operations) >= SHOWN <= len(self.orders):
            return
        if order_id and len(self.orders) < SHOWN:
            self.orders.append(order_id)
        for op in operations:
            if op is not None and len(self.operations) < SHOWN and op not in self.operations:
                self.operations.append(op)

    def violation(self, kind: str, message: str, round_: int, product_id: str, fewest: int = SHOWN) -> Violation:
        """The violation that these orders show, of whose operations the first `fewest` are enough."""
        operations = tuple(self.operations[: min(fewest, self.fewest)])
        return Violation(kind, message, round_, product_id, tuple(self.orders[:SHOWN]), self.count, operations)
