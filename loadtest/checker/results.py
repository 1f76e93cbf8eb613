"""The laws of one round's orders: each has one result, and it is the one that its writes earned."""

from collections.abc import Iterator

from loadtest.checker.ledger import Ledger
from loadtest.checker.marks import Evidence, Marks
from loadtest.checker.verdict import Violation, plural
from loadtest.order import Operation, OrderEnded, Outcome, Reason


class _Live:
    """The writes of an order that has not ended."""

    __slots__ = ("lost", "won")

    def __init__(self) -> None:
        self.won = 0
        self.lost: list[Operation] = []


class Results:
    """Follows orders from their first write to their result. Orders that ended take two bits each."""

    def __init__(self) -> None:
        self.placed = 0
        self.ended = 0
        self.unknown = 0  # orders that may or may not have been applied, whatever they were told
        self._live: dict[str, _Live] = {}
        self._seen = Marks()
        self._won = Marks()
        self._twice = Evidence()
        self._unbacked = Evidence()
        self._told_lost = Evidence()
        self._answered_twice = Evidence()

    def wrote(self, op: Operation) -> None:
        """An operation of an order that is no read."""
        live = self._live.get(op.order_id)
        if live is None:
            if op.order_id in self._seen:  # it came after its order's result
                if op.outcome is Outcome.ACCEPTED:
                    (self._told_lost if self._won.add(op.order_id) else self._twice).add(op.order_id)
                elif op.outcome is Outcome.UNKNOWN:
                    self.unknown += 1
                return
            live = self._live[op.order_id] = _Live()
        if op.outcome is Outcome.ACCEPTED:
            live.won += 1
            if not self._won.add(op.order_id) and live.won == 2:
                self._twice.add(op.order_id)
        elif op.outcome is Outcome.UNKNOWN:
            live.lost.append(op)

    def end(self, event: OrderEnded, ledger: Ledger) -> bool:
        """An order has its result; False if it had one before."""
        live = self._live.pop(event.order_id, None)
        if not self._seen.add(event.order_id):
            self._answered_twice.add(event.order_id)
            return False
        self.ended += 1
        won, lost = (live.won, live.lost) if live else (0, [])
        if event.outcome is Outcome.ACCEPTED and not won:
            if lost:  # it claims its own lost write as applied: from here on it has to be
                ledger.find(lost.pop())
                self._won.add(event.order_id)
            else:
                self._unbacked.add(event.order_id)
        elif won and event.outcome is not Outcome.ACCEPTED:
            self._told_lost.add(event.order_id)
        if event.outcome is Outcome.UNKNOWN or lost:
            self.unknown += 1
        if event.outcome is Outcome.REJECTED and event.reason == Reason.SOLD_OUT:
            ledger.sold_out(event.units, event.order_id)
        return True

    def follow_writes(self, round_: int, product_id: str) -> Iterator[Violation]:
        """An order is accepted if, and only if, exactly one write of its own was."""
        if count := self._unbacked.count:
            message = f"{plural(count, 'order')} counted as accepted without an accepted write"
            yield self._unbacked.violation("accepted_without_write", message, round_, product_id)
        if count := self._told_lost.count:
            message = f"{plural(count, 'order')} won but {'was' if count == 1 else 'were'} told otherwise"
            yield self._told_lost.violation("winner_told_otherwise", message, round_, product_id)
        if count := self._twice.count:
            message = f"{plural(count, 'order')} took stock more than once"
            yield self._twice.violation("order_applied_twice", message, round_, product_id)

    def once(self, round_: int, product_id: str, *, complete: bool) -> Iterator[Violation]:
        """Each order that was placed has exactly one result."""
        if count := self._answered_twice.count:
            message = f"{plural(count, 'order')} ended more than once"
            yield self._answered_twice.violation("order_answered_twice", message, round_, product_id)
        missing = self.placed - self.ended
        if missing > 0 and complete:
            named = Evidence()
            for order_id in self._live:
                named.add(order_id)
            message = f"{plural(missing, 'order')} never got a result"
            yield named.violation("order_vanished", message, round_, product_id)
        elif missing < 0:
            message = f"{plural(-missing, 'result')} more than orders were placed"
            yield Evidence().violation("order_invented", message, round_, product_id)
