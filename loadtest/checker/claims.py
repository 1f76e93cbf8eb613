"""Who made which version of a product, and with how many units left."""

from collections import OrderedDict
from collections.abc import Iterator

from loadtest.checker.marks import SHOWN, Bitmap, Evidence, Marks, Room
from loadtest.checker.verdict import Violation, plural
from loadtest.order import RESTOCK, Operation

_CONTESTED = 100  # versions told apart that were made twice: without a condition, all are


class Claims:
    """Each version is made by one write. An accepted write claims the one it made; anybody may see whose it was.

    The latest makers are remembered by name, so that a second one of the same version can be named with the first.
    """

    def __init__(self, round_: int, product_id: str, first: int, room: Room) -> None:
        """`first` is the version that the round began with."""
        self._room = room
        self._round, self._product_id, self._first = round_, product_id, first
        self._claimed = Bitmap()
        self._makers: OrderedDict[int, Operation] = OrderedDict()
        self._sighted: dict[int, tuple[str, Operation]] = {}  # seen, and not claimed so far
        self._versions: dict[str, int] = {}  # the same by order
        self._quantities: OrderedDict[int, tuple[int, Operation]] = OrderedDict()
        self._unnumbered = Marks()  # orders whose accepted write did not say which version it made
        self._contested: dict[int, Evidence] = {}
        self._contested_more = Evidence()  # second makers of the versions after those
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
        if not self._claimed.add(version - self._first):
            self._contest_claimed(version, op.order_id, op)
            return
        self._makers[version] = op
        if len(self._makers) > self._room.each:
            self._makers.popitem(last=False)

    def claim_unnumbered(self, op: Operation) -> None:
        """An order's write made a version, and its answer does not say which."""
        self._unnumbered.add(op.order_id)
        version = self._versions.get(op.order_id)
        if version is not None:
            self.claim(version, op)

    def see(self, version: int, order_id: str, op: Operation) -> None:
        """The operation showed that the order made this version."""
        if version <= self._first:
            return
        if version - self._first in self._claimed:
            if version in self._makers and self._makers[version].order_id != order_id:
                self._contest_claimed(version, order_id, op)
            return
        sighted = self._sighted.get(version)
        if sighted is None and order_id in self._unnumbered:
            self._claimed.add(version - self._first)
        elif sighted is None:
            self._sighted[version] = order_id, op
            self._versions[order_id] = version
        elif sighted[0] != order_id:
            self._contest(version, *sighted, order_id, op)

    def count(self, version: int, quantity: int, op: Operation) -> None:
        """The operation showed so many units left at this version."""
        known = self._quantities.get(version)
        if known is None:
            self._quantities[version] = quantity, op
            if len(self._quantities) > self._room.each:
                self._quantities.popitem(last=False)
            self._step(version)
            self._step(version + 1)
        elif known[0] != quantity and self._unlike.count < 2:
            self._unlike.add(known[1].order_id, known[1])
            self._unlike.add(op.order_id, op)

    def took(self, version: int) -> int | None:
        """By how many units the write that made this version left fewer, None if that was not seen."""
        before, after = self._quantities.get(version - 1), self._quantities.get(version)
        return before[0] - after[0] if before and after else None

    def _step(self, version: int) -> None:
        """The write that made a version left its units fewer than there were before."""
        maker = self._makers.get(version)
        before, after = self._quantities.get(version - 1), self._quantities.get(version)
        if maker is None or before is None or after is None or before[0] - maker.units == after[0]:
            return
        if not self._unlikely.count:
            self._unlikely.add(maker.order_id, maker)
            self._unlikely.operations += [before[1], after[1]]

    def sightings(self) -> Iterator[tuple[int, str, Operation]]:
        """Versions that were seen to be an order's, and that no accepted write made; without the tool's own."""
        return ((version, *made) for version, made in self._sighted.items() if made[0] != RESTOCK)

    def settle(self, version: int, op: Operation) -> None:
        """A write whose answer was lost turned out to have made this version."""
        self._forget(version)
        self.claim(version, op)

    def made(self, version: int) -> bool:
        """Whether it is known who made this version."""
        return version <= self._first or version - self._first in self._claimed

    def gaps(self, last: int) -> Iterator[int]:
        """The versions up to `last` that nobody is known to have made."""
        return (self._first + n for n in self._claimed.missing(1, last - self._first + 1))

    def _forget(self, version: int) -> None:
        sighted = self._sighted.pop(version, None)
        if sighted is not None and self._versions.get(sighted[0]) == version:
            del self._versions[sighted[0]]

    def _contest_claimed(self, version: int, order_id: str, op: Operation) -> None:
        maker = self._makers.get(version)
        self._contest(version, maker.order_id if maker else "an earlier one", maker, order_id, op)

    def _contest(self, version: int, first: str, by: Operation | None, second: str, op: Operation) -> None:
        contested = self._contested.get(version)
        if contested is None and len(self._contested) >= _CONTESTED:
            self._contested_more.add(second, op)
            return
        if contested is None:
            contested = self._contested[version] = Evidence()
            contested.add(first, by)
        if second not in contested.orders and (op.order_id == second or len(contested.orders) < SHOWN):
            contested.add(second, op)

    def violations(self) -> Iterator[Violation]:
        """Two orders that both won from version 1 cannot both have won, and a version has one quantity."""
        for version, orders in self._contested.items():
            message = f"{orders.count:,} orders won from version {version - 1:,}"
            yield orders.violation("version_won_twice", message, self._round, self._product_id, 2)
        if more := self._contested_more.count:
            message = f"{plural(more, 'order')} more won from a version that another had won"
            yield self._contested_more.violation("version_won_twice", message, self._round, self._product_id, 1)
        if self._unlike.count:
            message = "the same version was seen with two different quantities"
            yield self._unlike.violation("version_reused", message, self._round, self._product_id, 2)
        if self._unlikely.count:
            message = "a write took another number of units than its order wanted"
            yield self._unlikely.violation("wrong_quantity", message, self._round, self._product_id, 3)
