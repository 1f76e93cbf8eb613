"""Conservation: the stock falls by what was accepted, and rises by what was added."""

from collections import deque
from collections.abc import Iterator, Sequence

from loadtest.checker.bitsets import SHOWN, Bitmap, Evidence, Room
from loadtest.checker.verdict import plural
from loadtest.events import Operation, Outcome, Product, Restocked

Finding = tuple[str, str, Evidence, int]  # kind, message, evidence, and how many of its operations are enough


class Stock:
    """The units of one product in one round, which began with `initial` of them."""

    def __init__(self, initial: int, room: Room) -> None:
        self.accepted = Evidence()
        self.restocks = self.lost_restocks = 0
        self._initial = initial
        self._room = room
        self._accepted_units = 0
        self._taken_units = 0  # besides those accepted
        self._unclear_units = 0  # and besides those, perhaps
        self._restocked_units = self._lost_restocked_units = 0
        self._lowest: Operation | None = None
        self._below: Operation | None = None  # the first write that said of itself that it went below zero
        self._handed_out = Bitmap()
        self._handed_to: deque[Operation] = deque()  # the latest
        self._handed_out_twice = Evidence()

    @property
    def restocked(self) -> bool:
        """Whether units were added, perhaps."""
        return self.restocks + self.lost_restocks > 0

    def see(self, op: Operation) -> None:
        """An answer, which perhaps shows a quantity."""
        if op.quantity is None:
            return
        if self._lowest is None or op.quantity < (self._lowest.quantity or 0):
            self._lowest = op
        if op.quantity < 0 and self._below is None and op.last_order == op.order_id:
            self._below = op

    def accept(self, op: Operation) -> None:
        """An accepted write took its units, and perhaps was told what it left."""
        self._accepted_units += op.units
        self.accepted.add(op.order_id, op)
        if op.quantity is not None and op.quantity >= 0:
            self._hand_out(op, op.quantity)

    def take(self, units: int, unclear: int = 0) -> None:
        """A write without an accepting answer took so many, and perhaps some more that are `unclear`."""
        self._taken_units += units
        self._unclear_units += unclear

    def _hand_out(self, op: Operation, quantity: int) -> None:
        if self._handed_out.add(quantity):
            self._handed_to.append(op)
            if len(self._handed_to) > self._room.each:
                self._handed_to.popleft()
        else:
            self._handed_out_twice.add(op.order_id, self._first_with(quantity), op)

    def _first_with(self, quantity: int) -> Operation | None:
        if len(self._handed_out_twice.operations) >= SHOWN:
            return None  # nobody will look at it
        return next((op for op in self._handed_to if op.quantity == quantity), None)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        if event.outcome is Outcome.ACCEPTED:
            self._restocked_units += event.units
            self.restocks += 1
        elif event.outcome is Outcome.UNKNOWN:
            self._lost_restocked_units += event.units
            self.lost_restocks += 1

    def violations(self, final: Product | None, lost: Sequence[int], applied: int | None) -> Iterator[Finding]:
        """What is wrong: `lost` are the units of writes without an answer, `applied` how many of them took theirs."""
        yield from self._is_conserved(final, lost, applied)
        yield from self.below_zero(final)

    def _is_conserved(self, final: Product | None, lost: Sequence[int], applied: int | None) -> Iterator[Finding]:
        accepted, added, perhaps = self._accepted_units, self._restocked_units, self._lost_restocked_units
        were = f"{plural(accepted, 'unit')} {'was' if accepted == 1 else 'were'} accepted"
        if final is None:
            perhaps -= sum(units for units in lost if units < 0)
            taken = _besides(were, "", self._taken_units)
            if accepted + self._taken_units > (there := self._initial + added + perhaps):
                message = f"{taken}, but there were {'at most' if perhaps else 'only'} {there:,}"
                yield "oversold", message, self.accepted, self._too_many(there)
            return
        fell = self._initial + added - final.quantity
        fewest, most = _least_and_most(sorted(lost), applied)
        fewest, most = fewest + self._taken_units, most + self._taken_units + self._unclear_units
        stock = _with("the stock", added, perhaps)
        if accepted + fewest > fell + perhaps:
            message = f"{_besides(were, 'at least ', fewest)}, but {stock} {_fell_by(fell, perhaps)}"
            yield "oversold", message, self.accepted, self._too_many(fell)
        elif fell > accepted + most:
            by = f"{'at least ' if perhaps else ''}{fell:,}"
            message = f"{stock} fell by {by}, but only {_besides(were, 'at most ', most)}"
            yield "stock_lost", message, self.accepted, SHOWN

    def _too_many(self, fell: int) -> int:
        """How many accepted writes are enough to take more than the stock fell by."""
        taken = 0
        for n, op in enumerate(self.accepted.operations, 1):
            taken += op.units
            if taken > fell + self._lost_restocked_units:
                return n
        return SHOWN

    def below_zero(self, final: Product | None) -> Iterator[Finding]:
        """The stock never goes below zero."""
        lowest = self._lowest
        if self._initial < 0:
            yield "negative_quantity", f"the stock began at {self._initial:,}", Evidence(), SHOWN
        below = self._below
        first = self._with_first(below) if below is not None else None
        if final is not None and final.quantity < 0:
            yield "negative_quantity", f"the stock ended at {final.quantity:,}", first or self.accepted, SHOWN
        elif lowest is not None and lowest.quantity is not None and lowest.quantity < 0:
            evidence = first or Evidence(1, [lowest.last_order or lowest.order_id], [lowest])
            yield "negative_quantity", f"the stock went down to {lowest.quantity:,}", evidence, SHOWN

    def _with_first(self, op: Operation) -> Evidence:
        """The accepted writes, that one before the others."""
        accepted = self.accepted
        orders = [op.order_id, *(order_id for order_id in accepted.orders if order_id != op.order_id)]
        operations = [op, *(other for other in accepted.operations if other is not op)]
        return Evidence(accepted.count, orders[:SHOWN], operations[:SHOWN])

    def handed_out_twice(self) -> Iterator[Finding]:
        """Without restocking the quantity only falls: each value that a write leaves is left by no other."""
        twice = self._handed_out_twice
        if twice.count and not self.restocked:
            was = "was" if twice.count == 1 else "were"
            message = f"{plural(twice.count, 'accepted write')} {was} told a quantity that another had left"
            yield "quantity_handed_out_twice", message, twice, 2


def _besides(were: str, about: str, units: int) -> str:
    return f"{were}, and {about}{units:,} taken with no accepting answer" if units else were


def _fell_by(units: int, perhaps: int) -> str:
    most = units + perhaps
    if most < 0:
        return f"rose by {'at least ' if perhaps else ''}{-most:,}"
    return f"fell by {'at most ' if perhaps else ''}{most:,}"


def _with(stock: str, added: int, perhaps: int) -> str:
    more = [f"{added:,} added"] * (added > 0) + [f"{perhaps:,} perhaps added"] * (perhaps > 0)
    return f"{stock}, with {' and '.join(more)}," if more else stock


def _least_and_most(units: Sequence[int], applied: int | None) -> tuple[int, int]:
    """What lost writes took at least and at most: as many were applied as versions are left for them."""
    if applied is None or not 0 <= applied <= len(units):
        return sum(count for count in units if count < 0), sum(count for count in units if count > 0)
    return sum(units[:applied]), sum(units[len(units) - applied :])
