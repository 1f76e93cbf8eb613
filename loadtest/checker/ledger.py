"""The laws of one product in one round.

Stock is taken by orders only, and added by restocking only; nobody else writes. So the version rises by one with each
of them, and without restocking the quantity only falls. Writes whose answer was lost may or may not have been
applied; every law holds for both. Everything is kept as counts: a round of any length takes the same memory.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice

from loadtest.checker import doubts as doubting
from loadtest.checker.claims import Claims
from loadtest.checker.doubts import Doubt
from loadtest.checker.marks import SHOWN, Bitmap, Evidence, Room
from loadtest.checker.overlap import Overlap
from loadtest.checker.register import Register, seen, written
from loadtest.checker.verdict import Violation, plural
from loadtest.order import Kind, Operation, Outcome, Product, Reason, Restocked, RoundEnded, RoundStarted


class Ledger:
    """What a round showed of one product. `lost` are earlier doubts: they may yet be applied."""

    def __init__(self, started: RoundStarted, lost: Mapping[str, Doubt], room: Room) -> None:
        self.round, self.initial = started.round, started.product
        self.final: Product | None = None
        self.complete = False  # its end was seen; the history of a run that was cut has an open round
        self.doubts: dict[str, Doubt] = dict(lost)
        self.claims = Claims(self.round, self.initial.id, self.initial.version, room)
        self.overlap = Overlap()
        self.stale_reads = 0
        self.units: set[int] = set()  # what orders take
        self._register = Register(room)
        self._read_ns = 0
        self._accepted_units = self._surely = 0
        self._accepted = Evidence()
        self._restocked_units = self._restocks = 0
        self._lost_restocked_units = self._lost_restocks = 0
        self._lowest: Operation | None = None
        self._handed_out = Bitmap()
        self._handed_out_twice = Evidence()
        self._stale = Evidence()
        self._out_of_order = Evidence()
        self._wrong_version = Evidence()
        self._newest_refused = 0
        self._refused = Evidence()  # of the newest version that a refused write rested on
        self._no_cause = Evidence()
        self._sold_out: defaultdict[int, Evidence] = defaultdict(Evidence)  # by units wanted
        self._look(_own_read(started.round, started.product, started.started_ns, started.started_ns))

    @property
    def restocked(self) -> bool:
        """Whether units were added, perhaps."""
        return self._restocks + self._lost_restocks > 0

    @property
    def lost(self) -> dict[str, Doubt]:
        """The writes that may yet be applied when the round is over."""
        return {order_id: doubt for order_id, doubt in self.doubts.items() if not doubt.closed}

    def operation(self, op: Operation) -> None:
        """One request and its answer."""
        self.units.add(op.units)
        if op.quantity is not None and (self._lowest is None or op.quantity < (self._lowest.quantity or 0)):
            self._lowest = op
        if op.kind is Kind.READ:
            if op.version is not None:
                self._look(op)
            return
        if op.outcome in (Outcome.THROTTLED, Outcome.FAILED):
            return
        self.overlap.add(op)
        if op.outcome is Outcome.ACCEPTED:
            self.accept(op)
        elif op.outcome is Outcome.REJECTED:
            self._refuse(op)
        else:
            self.doubts.setdefault(op.order_id, Doubt([])).operations.append(op)
            if op.version is not None:
                self._look(op)

    def accept(self, op: Operation) -> None:
        """A write took its units: the version it made is its own, and so are the units it left."""
        self._accepted_units += op.units
        self._surely += 1
        self._accepted.add(op.order_id, op)
        rests_on = None if op.read_version is None else op.read_version + 1
        made = rests_on if op.version is None else op.version
        if made is None:
            self.claims.claim_unnumbered(op)
        else:
            if rests_on is not None and rests_on != made:
                self._wrong_version.add(op.order_id, op)
            self.claims.claim(made, op)
            self._place(written(made), op)
        if op.quantity is not None:
            if made is not None:
                self.claims.count(made, op.quantity, op)
            if op.quantity >= 0 and not self._handed_out.add(op.quantity):
                self._handed_out_twice.add(op.order_id, op)

    def _refuse(self, op: Operation) -> None:
        """A condition refused a write."""
        if op.version is not None:
            self._look(op)
        elif op.read_version is not None:
            self._register.received(seen(op.read_version + 1), op)
        version = op.read_version
        if version is None:
            if op.reason == Reason.SOLD_OUT and op.quantity is not None and op.quantity >= op.units:
                self._no_cause.add(op.order_id, op)
            return
        if op.version == version:
            self._no_cause.add(op.order_id, op)
        if version > self._newest_refused:
            self._newest_refused, self._refused = version, Evidence()
        if version == self._newest_refused:
            self._refused.add(op.order_id, op)

    def _look(self, op: Operation) -> None:
        """An answer showed a version, perhaps whose it was and what was left."""
        version = op.version or 0
        self._place(seen(version), op)
        if op.last_order is not None:
            self.claims.see(version, op.last_order, op)
        if op.quantity is not None:
            self.claims.count(version, op.quantity, op)

    def _place(self, rank: int, op: Operation) -> None:
        """Real time allows an operation no earlier than what ended before it, and no later than what began after."""
        register = self._register
        newer = register.newer_before(rank, op)
        if newer is not None and not op.consistent:
            self.stale_reads += 1
        elif newer is not None:
            self._contradict(op, newer)
        elif (older := register.older_after(rank, op)) is not None and older.consistent:
            self._contradict(older, op)
        register.received(rank, op)
        if op.consistent:
            register.sent(rank, op)

    def _contradict(self, older: Operation, newer: Operation) -> None:
        """`older` was sent after `newer` had been received."""
        made = older.kind is not Kind.READ and older.outcome is not Outcome.REJECTED
        evidence = self._out_of_order if made else self._stale
        evidence.add(older.order_id, older)
        if evidence.count == 1:
            evidence.operations.append(newer)

    def sold_out(self, units: int, order_id: str) -> None:
        """An order was told that fewer than its units are left."""
        self._sold_out[units].add(order_id)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        if event.outcome is Outcome.ACCEPTED:
            self._restocked_units += event.units
            self._restocks += 1
        else:
            self._lost_restocked_units += event.units
            self._lost_restocks += 1

    def end(self, event: RoundEnded) -> None:
        """The round is over; what is left of the product was read, perhaps."""
        self.complete, self.final = True, event.product
        self._read_ns = event.read_ns or event.ended_ns
        if self.final is not None:
            self._look(_own_read(self.round, self.final, event.ended_ns, self._read_ns))

    def find(self, order_id: str) -> None:
        """A lost write of the order was applied: the order was told so."""
        doubt = self.doubts[order_id]
        self.accept(doubt.operations.pop())
        if not doubt.operations:
            del self.doubts[order_id]

    def sighted(self, doubt: Doubt, version: int) -> None:
        """The lost write of an order was seen to have made a version."""
        op = next((op for op in doubt.operations if op.read_version == version - 1), doubt.operations[-1])
        if doubt.settled is Outcome.ACCEPTED:  # by its record, which does not say which
            self.claims.settle(version, op)
            return
        doubt.accept()
        self.applied(version, op)
        by_ns, witness = self._register.made_by(version)
        if witness is not None and by_ns < op.sent_ns:
            self._contradict(op, witness)

    def applied(self, version: int | None, op: Operation | None) -> None:
        """A write without an accepting answer turned out to have been applied, as this version if it is known."""
        self._surely += 1
        self._accepted_units += (op.units if op else 0) or max(self.units, default=1)
        if version is not None and op is not None:
            self.claims.settle(version, op)

    def settle(self) -> None:
        """Find out about the doubts that are left, once everything else is known."""
        before = {order_id for order_id, doubt in self.doubts.items() if doubt.settled is None}
        doubting.exclude(self.doubts, self.claims)
        if self.final is not None and not self._lost_restocks:
            rest = self.final.version - self.initial.version - self._surely - self._restocks
            last = self.final.version
            doubting.settle(self.doubts, self.claims, self._register, last, rest, self._read_ns)
        for order_id in before:
            doubt = self.doubts[order_id]
            if doubt.settled is Outcome.ACCEPTED:
                self._surely += len(doubt.operations)
                self._accepted_units += doubt.units * len(doubt.operations)

    def _unsettled(self) -> list[Doubt]:
        return [doubt for doubt in self.doubts.values() if doubt.settled is None]

    def writes(self) -> Iterator[Violation]:
        """What is wrong with the stock and the versions."""
        yield from self._stock_is_conserved()
        yield from self._never_below_zero()
        yield from self.claims.violations()
        yield from self._each_quantity_once()
        yield from self._version_counts_writes()
        yield from self._real_time_is_kept()

    def refusals(self) -> Iterator[Violation]:
        """A version that never moved refuses nobody, and a product that could still serve an order is not sold out."""
        if self._no_cause.count:
            refused = plural(self._no_cause.count, "write")
            message = f"{refused} refused by a state that met the condition"
            yield self._violation("refused_without_cause", message, self._no_cause, 1)
        if self.final is None:
            return
        if self._newest_refused == self.final.version and self._refused.count and not self._no_cause.count:
            refused = plural(self._refused.count, "write")
            message = f"{refused} refused though version {self.final.version:,} was still the one read"
            yield self._violation("refused_without_cause", message, self._refused, 1)
        if self.restocked:
            return
        sold_out = Evidence()
        for units, orders in self._sold_out.items():
            if units <= self.final.quantity:
                sold_out.count += orders.count
                sold_out.orders += orders.orders
        if sold_out.count:
            message = f"{plural(sold_out.count, 'order')} told sold out with {self.final.quantity:,} left"
            yield self._violation("refused_without_cause", message, sold_out)

    def _violation(self, kind: str, message: str, evidence: Evidence, fewest: int = SHOWN) -> Violation:
        return evidence.violation(kind, message, self.round, self.initial.id, fewest)

    def _stock_is_conserved(self) -> Iterator[Violation]:
        """The stock fell by the units accepted, plus at most the units of writes whose answer was lost."""
        if self.final is None:
            return
        accepted, added = self._accepted_units, self._restocked_units
        fell = self.initial.quantity + added - self.final.quantity
        lost_units = sum(op.units for doubt in self._unsettled() for op in doubt.operations)
        stock = "the stock" if not added else f"the stock, with {added:,} added,"
        if accepted > fell + self._lost_restocked_units:
            message = f"{plural(accepted, 'unit')} {_were(accepted)} accepted, but {stock} fell by {fell:,}"
            yield self._violation("oversold", message, self._accepted, self._too_many(fell))
        elif fell > accepted + lost_units:
            message = f"{stock} fell by {fell:,}, but only {plural(accepted, 'unit')} {_were(accepted)} accepted"
            yield self._violation("stock_lost", message, self._accepted)

    def _too_many(self, fell: int) -> int:
        """How many accepted writes are enough to take more than the stock fell by."""
        taken = 0
        for n, op in enumerate(self._accepted.operations, 1):
            taken += op.units
            if taken > fell + self._lost_restocked_units:
                return n
        return SHOWN

    def _never_below_zero(self) -> Iterator[Violation]:
        """No answer and no final read shows a negative quantity."""
        lowest = self._lowest
        if self.final is not None and self.final.quantity < 0:
            message = f"the stock ended at {self.final.quantity:,}"
            yield self._violation("negative_quantity", message, self._accepted)
        elif lowest is not None and lowest.quantity is not None and lowest.quantity < 0:
            message = f"the stock went down to {lowest.quantity:,}"
            yield self._violation("negative_quantity", message, Evidence(1, [lowest.order_id], [lowest]))

    def _each_quantity_once(self) -> Iterator[Violation]:
        """Without restocking the quantity only falls: each value that a write leaves is left by no other."""
        twice = self._handed_out_twice
        if twice.count and not self.restocked and not self.claims.contested:
            was = "was" if twice.count == 1 else "were"
            message = f"{plural(twice.count, 'accepted write')} {was} told a quantity that another had left"
            yield self._violation("quantity_handed_out_twice", message, twice)

    def _version_counts_writes(self) -> Iterator[Violation]:
        """The version rose by one for every accepted write, plus at most once for each whose answer was lost."""
        if self._wrong_version.count:
            (op, *_) = self._wrong_version.operations
            message = f"a write that rested on version {op.read_version:,} made version {op.version:,}"
            yield self._violation("version_miscounted", message, self._wrong_version, 1)
        if self.final is None:
            return
        rose = self.final.version - self.initial.version
        surely, unsettled = self._surely + self._restocks, self._unsettled()
        lost = sum(len(doubt.operations) for doubt in unsettled)
        if not surely <= rose <= surely + lost + self._lost_restocks:
            message = f"the version rose by {rose:,} for {plural(surely, 'accepted write')}"
            yield self._violation("version_miscounted", message, self._accepted)
        elif not self.restocked and rose - surely > 0:
            yield from self._made_by_somebody(rose - surely, unsettled)

    def _made_by_somebody(self, rest: int, unsettled: list[Doubt]) -> Iterator[Violation]:
        last = self.final.version if self.final is not None else 0
        gaps = list(islice(self.claims.gaps(last), rest + 1))
        if len(gaps) != rest:
            return
        version = doubting.from_nowhere(gaps, unsettled, self._register)
        if version is not None:
            _, op = self._register.made_by(version)
            evidence = Evidence(1, [op.order_id], [op]) if op else Evidence()
            message = f"version {version:,} was seen before any write that could have made it was sent"
            yield self._violation("version_from_nowhere", message, evidence)

    def _real_time_is_kept(self) -> Iterator[Violation]:
        if count := self._stale.count:
            message = (
                f"{plural(count, 'answer')} showed a version older than one that had been seen before it was asked"
            )
            yield self._violation("stale_read", message, self._stale, 2)
        if count := self._out_of_order.count:
            message = f"{plural(count, 'write')} made a version older than one that had been seen before it was sent"
            yield self._violation("write_out_of_order", message, self._out_of_order, 2)


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


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
