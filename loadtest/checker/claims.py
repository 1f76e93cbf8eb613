"""Who made which version of a product, and with how many units left."""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeVar

from loadtest.checker.marks import SHOWN, Bitmap, Evidence, Marks, Room
from loadtest.checker.verdict import Violation, plural
from loadtest.order import RESTOCK, Operation, Product, is_own

_CONTESTED = 100  # versions told apart that were made twice: without a condition, all are
# Of an order: a first and a second accepted write that did not say which version they made, and as many that were seen.
_UNNUMBERED, _SEEN = (1, 4), (2, 8)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_EARLIER = "an earlier one"  # the maker of a version, long forgotten


class _Version:
    """One of the latest: whose write made it, how many units it left, and whose answer showed that."""

    __slots__ = ("maker", "quantity", "shown_by")

    def __init__(self) -> None:
        self.maker: Operation | None = None
        self.quantity: int | None = None
        self.shown_by: Operation | None = None


class Claims:
    """Each version is made by one write. An accepted write claims the one it made; anybody may see whose it was.

    The latest makers are remembered by name, so that a second one of the same version can be named with the first.
    """

    def __init__(self, round_: int, initial: Product, room: Room) -> None:
        """`initial` is the product as the round began."""
        self._room = room
        self._round, self._initial, self._first = round_, initial, initial.version
        self._no_orders = {RESTOCK, initial.last_order}  # names that a write leaves standing which leaves none itself
        self._claimed = Bitmap()
        self._latest: OrderedDict[int, _Version] = OrderedDict()
        self._sighted: dict[int, tuple[str, Operation]] = {}  # seen, and not claimed so far
        self._versions: dict[str, int] = {}  # the same by order
        self._nobodys: OrderedDict[int, Operation] = OrderedDict()  # versions that were seen under no order's name
        self._names_left = False  # whether orders leave theirs
        self._marks = Marks()
        self._unplaced: OrderedDict[str, Operation] = OrderedDict()  # the latest of them, not seen so far
        self._forgotten = 0  # those before
        self._contested: dict[int, Evidence] = {}
        self._contested_more = Evidence()  # second makers of the versions after those
        self._nameless = Evidence()  # versions under names that nobody left
        self._unlike = Evidence()
        self._unlikely = Evidence()

    @property
    def contested(self) -> bool:
        """Whether a version was made twice."""
        return bool(self._contested)

    def claim(self, version: int, op: Operation) -> None:
        """An order's write made this version."""
        sighted = self._sighted.get(version)
        if sighted is not None and sighted[0] == op.order_id:
            self._forget(version)
        elif sighted is not None:
            self._contest(version, *sighted, op.order_id, op)
        self._names_left |= op.last_order == op.order_id
        if not self._claimed.add(version - self._first):
            maker = self._maker(version)
            self._contest(version, maker.order_id if maker else _EARLIER, maker, op.order_id, op)
            return
        self._name(version, op)

    def claim_unnumbered(self, order_id: str, op: Operation | None) -> int | None:
        """An order's write made a version, and its answer does not say which. Returns it if it was seen."""
        version = self._versions.get(order_id)
        if not self._mark(order_id, _UNNUMBERED) and version is None:  # two writes, both seen before
            version = next((seen for seen, (name, _) in self._sighted.items() if name == order_id), None)
        if version is not None:
            self._mark(order_id, _SEEN)
            self._forget(version)
            self._claimed.add(version - self._first)
            self._name(version, op)
            return version
        known = order_id in self._unplaced
        self._forgotten += known or op is None or len(self._unplaced) >= self._room.each
        if op is not None and not known:
            _remember(self._unplaced, order_id, op, self._room.each)
        return None

    def see(self, version: int, order_id: str, op: Operation) -> Operation | None:
        """The operation showed this name at this version.

        Returns the accepted write of which this says that it made the version, if nobody knew which one it had.
        """
        if version == self._first and self._initial.last_order != order_id and self._unlike.count < 2:
            self._unlike.add(op.order_id, op)
        if version <= self._first:
            return None
        if order_id in self._no_orders or is_own(order_id):
            _remember(self._nobodys, version, op, self._room.each)
            return None
        self._names_left = True
        maker = self._maker(version)
        if maker is not None and maker.order_id == order_id:
            return None
        sighted = self._sighted.get(version)
        if maker is not None:
            self._contest(version, maker.order_id, maker, order_id, op, seen=True)
        elif sighted is not None and sighted[0] != order_id:
            self._contest(version, *sighted, order_id, op, seen=True)
        elif sighted is None and version - self._first not in self._claimed:
            return self._sight(version, order_id, op)
        return None

    def _sight(self, version: int, order_id: str, op: Operation) -> Operation | None:
        for unnumbered, seen in zip(_UNNUMBERED, _SEEN, strict=True):
            if self._marks.has(order_id, unnumbered) and self._marks.add(order_id, seen):
                self._claimed.add(version - self._first)
                made = self._unplaced.pop(order_id, None)
                self._name(version, made)
                return made
        self._sighted[version] = order_id, op
        self._versions[order_id] = version
        return None

    def _mark(self, order_id: str, flags: tuple[int, int]) -> bool:
        """One more of these; whether it is the first."""
        first, second = flags
        new = self._marks.add(order_id, first)
        if not new:
            self._marks.add(order_id, second)
        return new

    def _name(self, version: int, maker: Operation | None) -> None:
        if maker is not None:
            known = self._remembered(version)
            known.maker = maker
            self._hold_step(version, known)

    def _maker(self, version: int) -> Operation | None:
        known = self._latest.get(version)
        return known.maker if known is not None else None

    def _remembered(self, version: int) -> _Version:
        known = self._latest.get(version)
        if known is None:
            known = _Version()
            _remember(self._latest, version, known, self._room.each)
        return known

    def count(self, version: int, quantity: int, op: Operation) -> None:
        """The operation showed so many units left at this version."""
        known = self._remembered(version)
        if known.shown_by is None:
            known.quantity, known.shown_by = quantity, op
            self._hold_step(version, known)
        elif known.quantity != quantity and self._unlike.count < 2:
            self._unlike.add(known.shown_by.order_id, known.shown_by)
            self._unlike.add(op.order_id, op)

    def hold_names(self, *, restocked: bool) -> None:
        """Where orders leave their names, no version has another one, unless the product was restocked."""
        for version, op in self._nobodys.items():
            restock = _is_own(op.last_order)
            if not self._names_left and not (restock and not restocked and not _is_own(self._initial.last_order)):
                continue
            if version - self._first in self._claimed:
                maker = self._maker(version)
                self._contest(version, maker.order_id if maker else _EARLIER, maker, "", op)
            elif not (restock and restocked) and not self._nameless.count:
                self._nameless.add(op.order_id, op)

    def took(self, version: int) -> int | None:
        """By how many units the write that made this version left fewer, None if that was not seen."""
        before, after = self._left(version - 1), self._left(version)
        return None if before is None or after is None else before - after

    def _left(self, version: int) -> int | None:
        """How many units there were at this version, from who saw it or from what the next write took and left."""
        known, after = self._latest.get(version), self._latest.get(version + 1)
        if known is not None and known.quantity is not None:
            return known.quantity
        if after is None or after.quantity is None or after.maker is None:
            return None
        return after.quantity + after.maker.units

    def _hold_step(self, version: int, known: _Version) -> None:
        """The write that makes a version leaves its units fewer than there were before."""
        if known.quantity is None:
            return
        if known.maker is not None and (before := self._latest.get(version - 1)) is not None:
            self._compare(before, known)
        if (after := self._latest.get(version + 1)) is not None:
            self._compare(known, after)

    def _compare(self, before: _Version, after: _Version) -> None:
        maker = after.maker
        if maker is None or before.quantity is None or after.quantity is None or self._unlikely.count:
            return
        if before.quantity - maker.units != after.quantity:
            self._unlikely.add(maker.order_id, maker, before.shown_by, after.shown_by)

    def hold_quantities(self, units: set[int]) -> Iterator[Violation]:
        """Between any two versions as much was taken as writes of so many units can have. Without restocking only."""
        if not units:
            return
        fewest, most = min(units), max(units)
        seen = sorted(
            (version, known.quantity, known.shown_by)
            for version, known in self._latest.items()
            if known.quantity is not None and known.shown_by is not None and version >= self._first
        )
        for (older, before, first), (newer, after, last) in pairwise(seen):
            taken, writes = before - after, newer - older
            for version in range(older + 1, min(newer, older + self._room.each) + 1):
                if (maker := self._maker(version)) is not None:
                    taken, writes = taken - maker.units, writes - 1
            if not fewest * writes <= taken <= most * writes:
                message = f"{plural(newer - older, 'write')} took {before - after:,} units, which no such orders wanted"
                evidence = Evidence(1, [last.order_id] if last.order_id else [], [first, last])
                yield evidence.violation("wrong_quantity", message, self._round, self._initial.id)
                return

    def sightings(self) -> Iterator[tuple[int, str, Operation]]:
        """Versions that were seen to be an order's, and that no accepted write made."""
        return ((version, *made) for version, made in self._sighted.items())

    def unplaced(self) -> tuple[list[Operation], int]:
        """The latest accepted writes of which nobody knows which version they made, and how many more there may be."""
        return list(self._unplaced.values()), self._forgotten

    def settle(self, version: int, op: Operation | None) -> None:
        """A write whose answer did not say so turned out to have made this version."""
        self._claimed.add(version - self._first)
        self._name(version, op)

    def made(self, version: int) -> bool:
        """Whether it was made in this round, and it is known by whom."""
        return version > self._first and version - self._first in self._claimed

    def gaps(self, last: int) -> Iterator[int]:
        """The versions up to `last` that nobody is known to have made."""
        return (self._first + n for n in self._claimed.missing(1, last - self._first + 1))

    def _forget(self, version: int) -> None:
        sighted = self._sighted.pop(version, None)
        if sighted is not None and self._versions.get(sighted[0]) == version:
            del self._versions[sighted[0]]

    def _contest(
        self,
        version: int,
        first_id: str,
        first: Operation | None,
        second_id: str,
        second: Operation,
        *,
        seen: bool = False,
    ) -> None:
        contested = self._contested.get(version)
        if seen and contested is None and len(self._contested) >= _CONTESTED:
            return
        if contested is None and len(self._contested) < _CONTESTED:
            contested = self._contested[version] = Evidence()
            contested.add(first_id, first)
        if contested is None:
            self._contested_more.add(second_id, second)
        elif not second_id or (seen and (second_id in contested.orders or contested.count >= SHOWN)):
            if len(contested.operations) < 2:
                contested.operations.append(second)
        else:
            contested.add(second_id, second)

    def violations(self) -> Iterator[Violation]:
        """Two orders that both won from version 1 cannot both have won, and a version has one quantity."""
        product_id = self._initial.id
        for version, orders in self._contested.items():
            message = f"{plural(orders.count, 'order')} won from version {version - 1:,}"
            if orders.count == 1:
                message = f"version {version:,}, which an order won, was seen under another name"
            elif len(set(orders.orders)) < len(orders.orders):  # one order more than once
                message = f"{orders.count:,} writes won from version {version - 1:,}"
            yield orders.violation("version_won_twice", message, self._round, product_id, 2)
        if more := self._contested_more.count:
            message = f"{plural(more, 'write')} more won from a version that had been won"
            yield self._contested_more.violation("version_won_twice", message, self._round, product_id, 1)
        if self._nameless.count:
            message = "a version was seen under a name that no write of this round left"
            yield self._nameless.violation("foreign_write", message, self._round, product_id)
        if self._unlike.count:
            message = "the same version was seen in two different states"
            yield self._unlike.violation("version_reused", message, self._round, product_id, 2)
        if self._unlikely.count:
            message = "a write took another number of units than its order wanted"
            yield self._unlikely.violation("wrong_quantity", message, self._round, product_id)


def _is_own(name: str | None) -> bool:
    return name is not None and is_own(name)


def _remember(memory: OrderedDict[_Key, _Value], key: _Key, value: _Value, room: int) -> None:
    memory[key] = value
    if len(memory) > room:
        memory.popitem(last=False)
