"""The laws of one product in one round.

Stock is taken by orders only, and added by restocking only; nobody else writes. So the version rises by one with each
of them, and without restocking the quantity only falls. Writes whose answer was lost may or may not have been
applied; every law holds for both. Everything is kept as counts: a round of any length takes the same memory.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from msgspec.structs import replace

from loadtest.checker import doubts as doubting
from loadtest.checker.claims import Claims
from loadtest.checker.doubts import Doubt
from loadtest.checker.marks import SHOWN, Evidence, Room
from loadtest.checker.realtime import RealTime
from loadtest.checker.refusals import Refusals
from loadtest.checker.register import seen, written
from loadtest.checker.stock import Found, Stock
from loadtest.checker.verdict import Violation, plural
from loadtest.order import (
    Kind,
    Operation,
    Outcome,
    Product,
    Restocked,
    RoundEnded,
    RoundStarted,
)

_GAPS = 100_000


class Ledger:
    """What a round showed of one product. `lost` are earlier doubts: they may yet be applied."""

    def __init__(self, started: RoundStarted, lost: Mapping[str, Doubt], room: Room) -> None:
        self.round, self.initial = started.round, started.product
        self.final: Product | None = None
        self.complete = False  # its end was seen; the history of a run that was cut has an open round
        self.doubts: dict[str, Doubt] = dict(lost)
        for earlier in lost.values():
            earlier.carried = True
        self.claims = Claims(self.round, self.initial, room)
        self.refusals = Refusals()
        self.units: set[int] = {started.units} - {0}  # what orders take
        self._stock = Stock(self.initial.quantity, room)
        self._time = RealTime(self.initial.version, room)
        self._newest = self.initial.version  # that anybody saw
        self._read_ns = 0
        self._surely = 0  # writes that were applied
        self._wrong_version = Evidence()
        if (doubt := self.doubts.get(self.initial.last_order or "")) is not None and not doubt.applied:
            doubt.accept(doubt.open[-1])  # between two rounds
        self._look(_own_read(started.round, started.product, started.started_ns, started.started_ns))

    @property
    def restocked(self) -> bool:
        """Whether units were added, perhaps."""
        return self._stock.restocked

    @property
    def stale_reads(self) -> int:
        """Reads that showed an old version, as they were allowed to."""
        return self._time.stale_reads

    @property
    def lost(self) -> dict[str, Doubt]:
        """The writes that may yet be applied when the round is over."""
        return {order_id: doubt for order_id, doubt in self.doubts.items() if doubt.open}

    def operation(self, op: Operation) -> None:
        """One request and its answer. ValueError for a clock that is surer than sure."""
        if op.clock_uncertainty_ns < 0:
            raise ValueError(f"a clock uncertainty of {op.clock_uncertainty_ns} ns")
        if op.clock_uncertainty_ns:
            op = _perhaps(op)
        self.units.add(op.units)
        self._stock.see(op)
        if op.kind is Kind.READ:
            if op.version is not None:
                self._look(op)
            return
        if op.outcome in (Outcome.THROTTLED, Outcome.FAILED):
            return
        if op.outcome is Outcome.ACCEPTED:
            self._accept(op)
        elif op.outcome is Outcome.REJECTED:
            self._refuse(op)
        else:
            self._lose(op)

    def _lose(self, op: Operation) -> None:
        doubt = self.doubts.get(op.order_id)
        if doubt is None:
            self.doubts[op.order_id] = Doubt(op)
        else:
            doubt.lose(op)
        if op.version is not None:  # what refused it when it was sent again
            self.refusals.add(op)
            self._look(op)

    def _accept(self, op: Operation) -> None:
        """A write took its units: the version it made is its own, and so are the units it left."""
        made = self._claim(op)
        self._stock.hand_out(op)
        if made is None:
            self._time.count_unnumbered(op)
            return
        self._time.place(written(made), op)
        if op.version is not None and op.last_order is not None and op.last_order != op.order_id:
            self.claims.see(made, op.last_order, op)
        if op.quantity is not None:
            self.claims.count(made, op.quantity, op)

    def _claim(self, op: Operation) -> int | None:
        """Count an accepted write, and return the version that it made, if that is known."""
        self._surely += 1
        self._stock.accept(op)
        rests_on = None if op.read_version is None else op.read_version + 1
        made = rests_on if op.version is None else op.version
        if made is None:
            return self.claims.claim_unnumbered(op.order_id, op)
        if rests_on is not None and rests_on != made:
            self._wrong_version.add(op.order_id, op)
        self._newest = max(self._newest, made)
        self.claims.claim(made, op)
        return made

    def _refuse(self, op: Operation) -> None:
        """A condition refused a write."""
        self.refusals.add(op)
        if op.version is not None:
            self._look(op)
        elif op.read_version is not None:
            by_ns, _ = self._time.register.made_by(op.read_version)
            if by_ns < op.sent_ns:  # it was there, so only a newer one can have refused
                self.refusals.add_blind(op.read_version, op)
                self._time.register.received(seen(op.read_version + 1), op)

    def _look(self, op: Operation) -> None:
        """An answer showed a version, perhaps whose it was and what was left."""
        version = op.version or 0
        self._newest = max(self._newest, version)
        self._time.place(seen(version), op)
        if op.last_order is not None:
            made = self.claims.see(version, op.last_order, op)
            if made is not None:
                self._time.place(written(version), made)
        if op.quantity is not None:
            self.claims.count(version, op.quantity, op)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        self._stock.restock(event)

    def end(self, event: RoundEnded) -> None:
        """The round is over; what is left of the product was read, perhaps."""
        self.complete, self.final = True, event.product
        self._read_ns = event.read_ns or event.ended_ns
        if self.final is not None:
            self._look(_own_read(self.round, self.final, event.ended_ns, self._read_ns))

    def find(self, order_id: str) -> bool:
        """A lost write of the order was applied: the order was told so. False if none can have been."""
        doubt = self.doubts.get(order_id)
        if doubt is None or not doubt.open:
            return False
        op = doubt.open.pop()
        if not doubt.open:
            del self.doubts[order_id]
        made = self._claim(op)
        if made is not None:
            self._time.place(written(made), op)
        return True

    def sighted(self, doubt: Doubt, version: int) -> None:
        """The lost write of an order was seen to have made a version."""
        if doubt.unplaced:  # its record said that it was applied, or the count of versions
            op = doubt.unplaced.pop()
            self.claims.settle(version, op)
        else:
            op = next((op for op in doubt.open if doubting.can_make(version, op)), doubt.last)
            doubt.accept(op)
            self.applied(op.units, version, op)
        if not doubting.can_make(version, op):
            self._wrong_version.add(op.order_id, op)
        by_ns, witness = self._time.register.made_by(version)
        if witness is not None and by_ns < doubt.sent_ns(op):
            self._time.contradict(op, witness)

    def recorded(self, doubt: Doubt) -> None:
        """The record of an order says that one of its lost writes was applied."""
        doubt.accept(doubt.open[0], placed=False)
        self.applied(doubt.units)

    def applied(self, units: int | None, version: int | None = None, op: Operation | None = None) -> None:
        """A write without an accepting answer turned out to have been applied, as this version if it is known."""
        self._surely += 1
        if units is None and version is not None:
            units = self.claims.took(version)
        if units is None:
            fewest = min(self.units, default=1)
            self._stock.take(fewest, max(self.units, default=1) - fewest)
        else:
            self._stock.take(units)
        if version is not None:
            self.claims.settle(version, op)

    @property
    def _rest(self) -> int | None:
        """How many versions lost writes made, None if nobody knows."""
        if self.final is None or self._stock.lost_restocks:
            return None
        return self.final.version - self.initial.version - self._surely - self._stock.restocks

    def settle(self) -> None:
        """Find out about the doubts that are left, once everything else is known."""
        doubting.exclude(self.doubts, self.claims, self.initial.version)
        if self.final is None or self._rest is None:
            for doubt in self.doubts.values():
                doubt.miss()
            return
        last, rest = self.final.version, self._rest or 0
        for op in doubting.settle(self.doubts, self.claims, self._time.register, last, rest, self._read_ns):
            self._surely += 1
            self._stock.take(op.units)

    def violations(self) -> Iterator[Violation]:
        """What is wrong with the stock, the versions and the refusals."""
        found = list(self._of_writes())
        yield from found or self._of_what_nobody_claimed()
        only_fell = not self.restocked and not self.stale_reads
        yield from self.refusals.violations(self.round, self.initial.id, self.final, only_fell=only_fell)

    def _of_what_nobody_claimed(self) -> Iterator[Violation]:
        yield from self._made_by_somebody()
        if not self.restocked:
            yield from self.claims.hold_quantities(self.units)

    def _of_writes(self) -> Iterator[Violation]:
        lost = [op for _, op in doubting.open_writes(self.doubts)]
        yield from self._named(self._stock.violations(self.final, [op.units for op in lost], self._rest))
        self.claims.hold_names(restocked=self.restocked)
        yield from self.claims.violations()
        if not self.claims.contested:
            yield from self._named(self._stock.handed_out_twice())
        yield from self._version_counts_writes(lost)
        for kind, message, evidence in self._time.violations():
            yield self._violation(kind, message, evidence)

    def _named(self, found: Iterator[Found]) -> Iterator[Violation]:
        return (self._violation(*one) for one in found)

    def _violation(self, kind: str, message: str, evidence: Evidence, fewest: int = SHOWN) -> Violation:
        return evidence.violation(kind, message, self.round, self.initial.id, fewest)

    def _version_counts_writes(self, lost: list[Operation]) -> Iterator[Violation]:
        """The version rose by one for every accepted write, plus at most once for each whose answer was lost."""
        if self._wrong_version.count:
            (op, *_) = self._wrong_version.operations
            message = f"a write that rested on version {op.read_version:,} made another than the next"
            yield self._violation("version_miscounted", message, self._wrong_version, 1)
        if self.final is not None:
            rose = self.final.version - self.initial.version
            surely = self._surely + self._stock.restocks
            if not surely <= rose <= surely + len(lost) + self._stock.lost_restocks:
                message = f"the version rose by {rose:,} for {plural(surely, 'accepted write')}"
                yield self._violation("version_miscounted", message, self._stock.accepted)

    def _made_by_somebody(self) -> Iterator[Violation]:
        """Each version up to the last that was seen was made by a write, and not before that was sent."""
        last = self.final.version if self.final is not None else self._newest
        others, forgotten = self.claims.unplaced()
        writes: list[doubting.Write] = [(op.sent_ns, None) for op in others]
        left = self._rest is None or self._rest > 0
        for doubt in self.doubts.values():
            may = (*doubt.unplaced, *(doubt.open if left else ()))
            writes += [(doubt.sent_ns(op), op.read_version) for op in may]
        gaps = list(islice(self.claims.gaps(last), _GAPS))
        unseen = self._stock.restocks + self._stock.lost_restocks + forgotten
        version = doubting.from_nowhere(gaps, writes, unseen, self._time.register)
        if version is not None:
            _, op = self._time.register.made_by(version)
            evidence = Evidence(1, [op.order_id], [op]) if op else Evidence()
            message = f"version {version:,} was seen before any write that could have made it was sent"
            yield self._violation("version_from_nowhere", message, evidence)
        if self.final is not None and (op := doubting.without_version(gaps, others, self._time.register)) is not None:
            message = "an accepted write was answered before any version was made that it can have made"
            yield self._violation("write_out_of_order", message, Evidence(1, [op.order_id], [op]))


def _perhaps(op: Operation) -> Operation:
    """From the first moment at which it may have been sent to the last at which it may have been received."""
    off_ns = op.clock_uncertainty_ns
    return replace(op, sent_ns=op.sent_ns - off_ns, received_ns=op.received_ns + off_ns)


def _own_read(round_: int, product: Product, sent_ns: int, received_ns: int) -> Operation:
    """The tool's own read of a product, before or after the round, as an operation of no order."""
    return Operation(
        round=round_,
        order_id="",
        product_id=product.id,
        units=0,
        kind=Kind.READ,
        attempt=0,
        outcome=Outcome.ACCEPTED,
        reason="",
        message="",
        read_version=None,
        version=product.version,
        quantity=product.quantity,
        capacity=None,
        scheduled_ns=sent_ns,
        sent_ns=sent_ns,
        received_ns=received_ns,
        ended_ns=received_ns,
        last_order=product.last_order,
    )
