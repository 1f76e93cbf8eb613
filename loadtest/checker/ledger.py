"""The laws of one product in one round.

Stock is taken by orders only, and added by restocking only; nobody else writes. So the version rises by one with each
of them, and without restocking the quantity only falls. Writes whose answer was lost may or may not have been
applied; every law holds for both. Everything is kept as counts: a round of any length takes the same memory.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import attrgetter

from loadtest.checker import doubts as doubting
from loadtest.checker.claims import Claims
from loadtest.checker.doubts import Doubt
from loadtest.checker.marks import SHOWN, Bitmap, Evidence, Room
from loadtest.checker.overlap import Overlap
from loadtest.checker.refusals import Refusals
from loadtest.checker.register import Register, seen, written
from loadtest.checker.verdict import Violation, plural
from loadtest.order import Kind, Operation, Outcome, Product, Restocked, RoundEnded, RoundStarted

_RECEIVED = attrgetter("received_ns")
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
        self.overlap = Overlap()
        self.stale_reads = 0
        self.units: set[int] = {started.units} - {0}  # what orders take
        self._room = room
        self._register = Register(room)
        self._newest = self.initial.version  # that anybody saw
        self._read_ns = 0
        self._accepted_units = self._surely = 0
        self._unclear_units = 0  # besides those accepted, perhaps
        self._accepted = Evidence()
        self._unnumbered: list[Operation] = []  # the latest accepted writes without a version, as they were received
        self._unnumbered_before = 0  # those before them, and when the last was received
        self._unnumbered_before_ns = -1
        self._restocked_units = self._restocks = 0
        self._lost_restocked_units = self._lost_restocks = 0
        self._lowest: Operation | None = None
        self._handed_out = Bitmap()
        self._handed_to: OrderedDict[int, Operation] = OrderedDict()  # the latest
        self._handed_out_twice = Evidence()
        self._stale = Evidence()
        self._out_of_order = Evidence()
        self._wrong_version = Evidence()
        if (doubt := self.doubts.get(self.initial.last_order or "")) is not None and not doubt.applied:
            doubt.accept(doubt.open[-1])  # between two rounds
        self._look(_own_read(started.round, started.product, started.started_ns, started.started_ns))

    @property
    def restocked(self) -> bool:
        """Whether units were added, perhaps."""
        return self._restocks + self._lost_restocks > 0

    @property
    def lost(self) -> dict[str, Doubt]:
        """The writes that may yet be applied when the round is over."""
        return {order_id: doubt for order_id, doubt in self.doubts.items() if doubt.open}

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
        if op.quantity is not None and op.quantity >= 0:
            self._hand_out(op.quantity, op)
        if made is None:
            self._count_unnumbered(op)
            return
        self._place(written(made), op)
        if op.version is not None and op.last_order is not None and op.last_order != op.order_id:
            self.claims.see(made, op.last_order, op)
        if op.quantity is not None:
            self.claims.count(made, op.quantity, op)

    def _hand_out(self, quantity: int, op: Operation) -> None:
        if self._handed_out.add(quantity):
            self._handed_to[quantity] = op
            if len(self._handed_to) > self._room.each:
                self._handed_to.popitem(last=False)
        else:
            self._handed_out_twice.add(op.order_id, self._handed_to.get(quantity), op)

    def _claim(self, op: Operation) -> int | None:
        """Count an accepted write, and return the version that it made, if that is known."""
        self._accepted_units += op.units
        self._surely += 1
        self._accepted.add(op.order_id, op)
        rests_on = None if op.read_version is None else op.read_version + 1
        made = rests_on if op.version is None else op.version
        if made is None:
            return self.claims.claim_unnumbered(op.order_id, op)
        if rests_on is not None and rests_on != made:
            self._wrong_version.add(op.order_id, op)
        self._newest = max(self._newest, made)
        self.claims.claim(made, op)
        return made

    def _count_unnumbered(self, op: Operation) -> None:
        insort(self._unnumbered, op, key=_RECEIVED)
        if len(self._unnumbered) > self._room.each:
            half = len(self._unnumbered) // 2
            self._unnumbered_before += half
            self._unnumbered_before_ns = max(self._unnumbered_before_ns, self._unnumbered[half - 1].received_ns)
            del self._unnumbered[:half]

    def _refuse(self, op: Operation) -> None:
        """A condition refused a write."""
        self.refusals.add(op)
        if op.version is not None:
            self._look(op)
        elif op.read_version is not None:
            by_ns, _ = self._register.made_by(op.read_version)
            if by_ns < op.sent_ns:  # it was there, so only a newer one can have refused
                self.refusals.add_blind(op.read_version, op)
                self._register.received(seen(op.read_version + 1), op)

    def _look(self, op: Operation) -> None:
        """An answer showed a version, perhaps whose it was and what was left."""
        version = op.version or 0
        self._newest = max(self._newest, version)
        self._place(seen(version), op)
        if op.last_order is not None:
            made = self.claims.see(version, op.last_order, op)
            if made is not None:
                self._place(written(version), made)
        if op.quantity is not None:
            self.claims.count(version, op.quantity, op)

    def _place(self, rank: int, op: Operation) -> None:
        """Real time allows an operation no earlier than what ended before it, and no later than what began after."""
        register = self._register
        late = op.outcome is Outcome.UNKNOWN and not rank & 1  # a lost write may be applied after it was given up
        newer = register.newer_before(rank, op)
        if newer is not None and not op.consistent:
            self.stale_reads += 1
        elif newer is not None:
            self._contradict(op, newer)
        elif not late and (older := register.older_after(rank, op)) is not None:
            self._contradict(older, op)
        elif op.consistent and op.order_id and self._unnumbered:
            self._hold_count(rank, op)
        if not late:
            register.received(rank, op)
        if op.consistent:
            register.sent(rank, op)

    def _hold_count(self, rank: int, op: Operation) -> None:
        """What was accepted before an operation was sent had made a version each, whichever."""
        ended = bisect_left(self._unnumbered, op.sent_ns, key=_RECEIVED)
        at_least = self.initial.version + ended + self._unnumbered_before
        if ended and op.sent_ns > self._unnumbered_before_ns and rank >> 1 < at_least + (not rank & 1):
            self._contradict(op, *self._unnumbered[:ended][: SHOWN - 1])

    def _contradict(self, older: Operation, *newer: Operation) -> None:
        """`older` was sent after the others had been received."""
        made = older.kind is not Kind.READ and older.outcome is not Outcome.REJECTED
        evidence = self._out_of_order if made else self._stale
        evidence.add(older.order_id, older)
        if evidence.count == 1:
            evidence.operations.extend(newer)
            evidence.fewest = len(evidence.operations)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        if event.outcome is Outcome.ACCEPTED:
            self._restocked_units += event.units
            self._restocks += 1
        elif event.outcome is Outcome.UNKNOWN:
            self._lost_restocked_units += event.units
            self._lost_restocks += 1

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
            self._place(written(made), op)
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
        by_ns, witness = self._register.made_by(version)
        if witness is not None and by_ns < doubt.sent_ns(op):
            self._contradict(op, witness)

    def recorded(self, doubt: Doubt) -> None:
        """The record of an order says that one of its lost writes was applied."""
        doubt.accept(doubt.open[0], placed=False)
        self.applied(doubt.units)

    def applied(self, units: int | None, version: int | None = None, op: Operation | None = None) -> None:
        """A write without an accepting answer turned out to have been applied, as this version if it is known."""
        self._surely += 1
        if units is None and version is not None:
            units = self.claims.took(version)
        self._accepted_units += min(self.units, default=1) if units is None else units
        if units is None:
            self._unclear_units += max(self.units, default=1) - min(self.units, default=1)
        if version is not None:
            self.claims.settle(version, op)

    @property
    def _rest(self) -> int | None:
        """How many versions lost writes made, None if nobody knows."""
        if self.final is None or self._lost_restocks:
            return None
        return self.final.version - self.initial.version - self._surely - self._restocks

    def settle(self) -> None:
        """Find out about the doubts that are left, once everything else is known."""
        doubting.exclude(self.doubts, self.claims, self.initial.version)
        if self.final is None or self._rest is None:
            for doubt in self.doubts.values():
                doubt.miss()
            return
        last, rest = self.final.version, self._rest or 0
        for op in doubting.settle(self.doubts, self.claims, self._register, last, rest, self._read_ns):
            self._surely += 1
            self._accepted_units += op.units

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
        yield from self._stock_is_conserved(lost)
        yield from self._never_below_zero()
        self.claims.hold_names(restocked=self.restocked)
        yield from self.claims.violations()
        yield from self._each_quantity_once()
        yield from self._version_counts_writes(lost)
        yield from self._real_time_is_kept()

    def _violation(self, kind: str, message: str, evidence: Evidence, fewest: int = SHOWN) -> Violation:
        return evidence.violation(kind, message, self.round, self.initial.id, fewest)

    def _stock_is_conserved(self, lost: list[Operation]) -> Iterator[Violation]:
        """The stock fell by the units accepted, plus at most the units of writes whose answer was lost."""
        accepted, added = self._accepted_units, self._restocked_units
        if self.final is None:
            if accepted > (there := self.initial.quantity + added + self._lost_restocked_units):
                message = f"{plural(accepted, 'unit')} {_were(accepted)} accepted, but there were only {there:,}"
                yield self._violation("oversold", message, self._accepted, self._too_many(there))
            return
        fell = self.initial.quantity + added - self.final.quantity
        fewest, most = self._lost_units(lost)
        stock = "the stock" if not added else f"the stock, with {added:,} added,"
        if accepted + fewest > fell + self._lost_restocked_units:
            message = f"{plural(accepted, 'unit')} {_were(accepted)} accepted, but {stock} fell by {fell:,}"
            yield self._violation("oversold", message, self._accepted, self._too_many(fell))
        elif fell > accepted + most + self._unclear_units:
            message = f"{stock} fell by {fell:,}, but only {plural(accepted, 'unit')} {_were(accepted)} accepted"
            yield self._violation("stock_lost", message, self._accepted)

    def _lost_units(self, lost: list[Operation]) -> tuple[int, int]:
        """What the lost writes took at least and at most: as many were applied as versions are left for them."""
        units, rest = sorted(op.units for op in lost), self._rest
        if rest is None or not 0 <= rest <= len(units):
            return 0, sum(units)  # the versions tell of it
        return sum(units[:rest]), sum(units[len(units) - rest :])

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
            yield self._violation("quantity_handed_out_twice", message, twice, 2)

    def _version_counts_writes(self, lost: list[Operation]) -> Iterator[Violation]:
        """The version rose by one for every accepted write, plus at most once for each whose answer was lost."""
        if self._wrong_version.count:
            (op, *_) = self._wrong_version.operations
            message = f"a write that rested on version {op.read_version:,} made another than the next"
            yield self._violation("version_miscounted", message, self._wrong_version, 1)
        if self.final is not None:
            rose = self.final.version - self.initial.version
            surely = self._surely + self._restocks
            if not surely <= rose <= surely + len(lost) + self._lost_restocks:
                message = f"the version rose by {rose:,} for {plural(surely, 'accepted write')}"
                yield self._violation("version_miscounted", message, self._accepted)

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
        unseen = self._restocks + self._lost_restocks + forgotten
        version = doubting.from_nowhere(gaps, writes, unseen, self._register)
        if version is not None:
            _, op = self._register.made_by(version)
            evidence = Evidence(1, [op.order_id], [op]) if op else Evidence()
            message = f"version {version:,} was seen before any write that could have made it was sent"
            yield self._violation("version_from_nowhere", message, evidence)
        if self.final is not None and (op := doubting.without_version(gaps, others, self._register)) is not None:
            message = "an accepted write was answered before any version was made that it can have made"
            yield self._violation("write_out_of_order", message, Evidence(1, [op.order_id], [op]))

    def _real_time_is_kept(self) -> Iterator[Violation]:
        if count := self._stale.count:
            message = (
                f"{plural(count, 'answer')} showed a version older than one that had been seen before it was asked"
            )
            yield self._violation("stale_read", message, self._stale)
        if count := self._out_of_order.count:
            message = f"{plural(count, 'write')} made a version older than one that had been seen before it was sent"
            yield self._violation("write_out_of_order", message, self._out_of_order)


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
