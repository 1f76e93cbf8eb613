"""What a run showed of one product, from its first round to its last.

Stock is taken by orders only, and added by the tool's own writes only; nobody else writes. So the version rises by one
with each of them, and without restocking the quantity only falls. Writes whose answer was lost may or may not have been
applied; every invariant holds for both. Everything is kept as counts: a run of any length takes the same memory.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from loadtest.checker.bitsets import Evidence, Room
from loadtest.checker.enum_members import ACCEPTED, READ, REJECTED, UNKNOWN
from loadtest.checker.outside import Outside
from loadtest.checker.own import OwnWrites, own_read
from loadtest.checker.realtime import RealTime
from loadtest.checker.refusals import Blind
from loadtest.checker.register import seen, written
from loadtest.checker.round import Round
from loadtest.checker.unresolved import UnresolvedWrites, can_make
from loadtest.checker.version_history import VersionHistory
from loadtest.events import Operation, Product, Restocked, RoundEnded, RoundStarted, StockSet


class Ledger:
    """One product. `lost` are an earlier run's writes: they may yet be applied."""

    def __init__(self, initial: Product, lost: Mapping[str, UnresolvedWrites], room: Room) -> None:
        """`initial` is the product as it was read first."""
        self.initial = initial
        self.unresolved: dict[str, UnresolvedWrites] = dict(lost)
        for earlier in lost.values():
            earlier.pending = True
        self.history = VersionHistory(initial, room)
        self.units: set[int] = set()  # what orders take
        self.own = OwnWrites(initial)
        self.outside = Outside(initial.version, initial.id)
        self.room = room
        self.time = RealTime(initial.version, room)
        self.blind = Blind(room)
        self.newest = initial.version  # that anybody saw
        self.decided = initial.version  # up to this one it is known who made what, as far as it ever will be
        self.wrong_version = Evidence()
        self._round: Round | None = None
        if (writes := self.unresolved.get(initial.last_order or "")) is not None and not writes.applied:
            writes.accept(writes.open[-1])  # between two runs

    @property
    def begun(self) -> bool:
        """Whether a round has."""
        return self._round is not None

    @property
    def round(self) -> Round:
        """The one under way, or the last. ValueError if none has begun."""
        if self._round is None:
            raise ValueError(f"no round of product {self.initial.id!r} has begun")
        return self._round

    @property
    def stale_reads(self) -> int:
        """Reads of this round that showed an old version, as they were allowed to."""
        return self.time.stale_reads

    @property
    def lost(self) -> dict[str, UnresolvedWrites]:
        """The writes that may yet be applied when the round is over."""
        return {order_id: writes for order_id, writes in self.unresolved.items() if writes.open}

    def begin(self, started: RoundStarted) -> None:
        """A round begins, with what the tool has just read."""
        product = started.product
        before = self._round
        if before is not None and not before.complete:
            self.decided = self.newest  # of what was in flight when it was cut nothing more is known
        if before is not None:
            self.own.imply(product, min(before.read_ns, started.started_ns), self.newest)
            self.unresolved = {order_id: writes for order_id, writes in self.unresolved.items() if writes.is_of_use}
        self._round = Round(started, self.room, self.own.lost_after(product.version))
        self.time.begin(product.version, started.started_ns)
        self.own.quiet_ns = started.started_ns
        self.units |= {started.units} - {0}
        self._look(own_read(started.round, product, started.started_ns, started.started_ns))

    def operation(self, op: Operation) -> None:
        """One request and its answer. ValueError for a clock that is surer than sure."""
        if op.clock_uncertainty_ns:
            op = _perhaps(op)
        self.units.add(op.units)
        outcome = op.outcome
        if op.kind is READ:
            if not op.consistent:
                self.round.eventual = True
            if outcome is ACCEPTED and op.version is not None:
                self._look(op)
            return
        self.round.stock.see(op)
        if outcome is ACCEPTED:
            self._accept(op)
        elif outcome is REJECTED:
            self._refuse(op)
        elif outcome is UNKNOWN:
            self._lose(op)

    def _lose(self, op: Operation) -> None:
        writes = self.unresolved.get(op.order_id)
        if writes is None:
            self.unresolved[op.order_id] = UnresolvedWrites(op)
        else:
            writes.lose(op)
        if op.version is not None:  # what refused it when it was sent again
            self.round.refusals.add(op)
            self._look(op)

    def _accept(self, op: Operation) -> None:
        """A write took its units: the version it made is its own, and so are the units it left."""
        version, again = self._count_accepted(op)
        if version is None:
            self.time.count_unnumbered(op)
        else:
            self._place(version, op, again=again)

    def _place(self, version: int, op: Operation, *, again: bool) -> None:
        """An accepted write made this version, perhaps again."""
        versions, late = self.history.versions, self.time.place(written(version), op)
        if late and again:
            alike = op.quantity in (None, versions.left(version))
            self.outside.made_late(version, self.newest, op, versions.maker(version), alike=alike)
        if op.version is not None and op.last_order is not None and op.last_order != op.order_id:
            self.history.see(version, op.last_order, op)
        if op.quantity is not None:
            self.history.versions.count(version, op.quantity, op)

    def _count_accepted(self, op: Operation) -> tuple[int | None, bool]:
        """Count an accepted write. Returns the version that it made, if known, and whether it was made again."""
        round_ = self.round
        round_.surely += 1
        round_.stock.accept(op)
        rests_on = None if op.read_version is None else op.read_version + 1
        version = rests_on if op.version is None else op.version
        if version is None:
            return self.history.add_unnumbered(op.order_id, op), False
        self.outside.rests |= rests_on is not None
        if rests_on is not None and rests_on != version:
            self.wrong_version.add(op.order_id, op)
        self.newest = max(self.newest, version)
        return version, not self.history.add(version, op)

    def _refuse(self, op: Operation) -> None:
        """A condition refused a write."""
        self.round.refusals.add(op)
        if op.version is not None:
            self._look(op)
            return
        self.blind.add(op)
        if op.read_version is not None:
            by_ns, _ = self.time.register.made_by(op.read_version)
            if by_ns < op.sent_ns:  # it was there, so only a newer one can have refused
                self.time.register.received(seen(op.read_version + 1), op)

    def _look(self, op: Operation) -> None:
        """An answer showed a version, perhaps whose it was and what was left."""
        version, history = op.version or 0, self.history
        if not op.consistent and version < self.initial.version:
            self.time.stale_reads += 1  # of a product as it was before the run, perhaps one that was put anew since
            return
        if self._round is not None:
            self._round.stock.see(op)
        self.newest = max(self.newest, version)
        if self.time.place(seen(version), op) and op.consistent:
            self.outside.looked_back(version, self.newest, op, history)
            if self._is_anew(version, op):
                self.outside.put_anew(op)
        if op.last_order is not None:
            maker = history.see(version, op.last_order, op)
            if maker is not None:
                self.time.place(written(version), maker)
        if op.quantity is not None:
            history.versions.count(version, op.quantity, op)

    def _is_anew(self, version: int, op: Operation) -> bool:
        """Whether an old state is one that this run never had, nor began with."""
        first = self.initial
        if version != first.version:
            return version < first.version
        return op.quantity not in (None, first.quantity)

    def set_stock(self, event: StockSet) -> None:
        """The tool's own write before a round, with what it had read."""
        self._look(own_read(event.round, event.before, event.read_ns, event.sent_ns))
        op = self.own.set(event)
        if event.outcome is ACCEPTED:
            self._own(event.before.version + 1, op)
        elif event.outcome is REJECTED:
            self.blind.add(op)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        self.round.stock.restock(event)
        op = self.own.restock(event)
        if event.outcome is not ACCEPTED:
            return
        if event.version is None:
            self.time.count_unnumbered(op)
        else:
            self._own(event.version, op)

    def _own(self, version: int, op: Operation) -> None:
        """A write of the tool's own made this version."""
        self.newest = max(self.newest, version)
        self._place(version, op, again=not self.history.add(version, op))

    def end(self, event: RoundEnded) -> None:
        """The round is over; what is left of the product was read, perhaps."""
        self.round.end(event)
        if event.product is not None:
            self._look(own_read(event.round, event.product, event.ended_ns, self.round.read_ns))

    def find(self, order_id: str) -> bool:
        """A lost write of the order was applied: the order was told so. False if none can have been."""
        writes = self.unresolved.get(order_id)
        if writes is None or not writes.open:
            return False
        lost = writes.open.pop()
        op = replace(lost, version=None, quantity=None, last_order=None)  # what it shows is what refused it when resent
        if not writes.open:
            del self.unresolved[order_id]
        version, _ = self._count_accepted(op)
        if version is not None:
            self.time.place(written(version), op)
        return True

    def sighted(self, writes: UnresolvedWrites, version: int) -> None:
        """The lost write of an order was seen to have made a version."""
        if writes.unplaced or writes.past:  # its record said that it was applied, or the count of versions
            op = (writes.unplaced or writes.past).pop()
            self.history.attribute(version, op)
        else:
            op = next((op for op in writes.open if can_make(version, op)), writes.last)
            writes.accept(op)
            self.applied(op.units, version, op)
        if not can_make(version, op):
            self.wrong_version.add(op.order_id, op)
        by_ns, witness = self.time.register.made_by(version)
        if witness is not None and by_ns < writes.sent_ns(op):
            self.time.contradict(op, witness)

    def recorded(self, writes: UnresolvedWrites) -> None:
        """The record of an order says that one of its lost writes was applied."""
        writes.accept(writes.open[0], placed=False)
        self.applied(writes.units)

    def applied(self, units: int | None, version: int | None = None, op: Operation | None = None) -> None:
        """A write without an accepting answer turned out to have been applied, as this version if it is known."""
        if version is not None:
            units = self.history.versions.took(version) if units is None else units
            self.history.attribute(version, op)
        self.round.take_unseen(units, version, self.units)


def _perhaps(op: Operation) -> Operation:
    """From the first moment at which it may have been sent to the last at which it may have been received."""
    off_ns = op.clock_uncertainty_ns
    if off_ns < 0:
        raise ValueError(f"a clock uncertainty of {off_ns} ns")
    return replace(op, sent_ns=op.sent_ns - off_ns, received_ns=op.received_ns + off_ns)
