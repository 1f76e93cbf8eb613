"""Each order of a run has one result, and it is the one that its writes earned."""

from collections.abc import Iterator, Mapping

from loadtest.checker.bitsets import Bitsets, Evidence
from loadtest.checker.enum_members import ACCEPTED, FAILED, READ, REJECTED, UNKNOWN
from loadtest.checker.ledger import Ledger
from loadtest.checker.unresolved import UnresolvedWrites
from loadtest.checker.verdict import Violation, plural
from loadtest.events import Operation, OrderEnded, Outcome, Reason, Record, RecordsRead

# What is remembered of an order.
_ENDED, _WON, _ACCEPTED, _REJECTED, _UNKNOWN, _STRANGE, _RECORDED = (1 << n for n in range(7))
_OWED = 10_000
_TOLD = {ACCEPTED: _ACCEPTED, REJECTED: _REJECTED, UNKNOWN: _UNKNOWN}


class _Live:
    """An order that has not ended."""

    __slots__ = ("changed", "flags", "place", "product_id", "units", "win", "won")

    def __init__(self, product_id: str, units: int, flags: bytearray, place: int) -> None:
        self.product_id, self.units = product_id, units
        self.flags, self.place = flags, place
        self.won = 0
        self.win: Operation | None = None  # the first write that was accepted
        self.changed = False


class Results:
    """Follows orders from their first write to their result. One that ended takes a byte, to the end of the run."""

    def __init__(self) -> None:
        self._bitsets = Bitsets()
        self._prefixes: set[str] = set()  # of orders that were placed
        self.begin()

    def begin(self) -> None:
        """A round begins: orders of earlier ones are known, and nothing is expected of them any more."""
        self.placed = 0
        self.ended = 0
        self._unnamed = False  # whether orders were placed without saying which
        self._live: dict[str, _Live] = {}
        self._unresolvable: set[str] = set()  # orders that ended as unknown, and none of their writes was lost
        self._wrong: dict[str, Evidence] = {}
        self._records: list[RecordsRead] = []
        self._owed: dict[str, Ledger] = {}

    @property
    def phantoms(self) -> int:
        """Orders that won and were told that they lost."""
        return self._wrong["phantom_reject"].count if "phantom_reject" in self._wrong else 0

    @property
    def unresolvable(self) -> int:
        """How many orders ended as unknown without a lost write, so that nothing can reconcile them."""
        return len(self._unresolvable)

    def place(self, order_id: str, product_id: str, units: int) -> None:
        """An order is made for so many units of a product."""
        self.placed += 1
        self._prefixes.add(order_id.rpartition("-")[0])
        flags, place = self._bitsets.at(order_id)
        if order_id in self._live or flags[place] & _ENDED:
            self._blame("order_placed_twice", order_id)
            return
        self._live[order_id] = _Live(product_id, units, flags, place)

    def place_unnamed(self, orders: int) -> None:
        """So many orders are made; which, their operations will tell."""
        self.placed += orders
        self._unnamed = True

    def operation(self, op: Operation) -> None:
        """One request of an order."""
        live = self._live.get(op.order_id)
        if live is None:
            live = self._unplaced(op)
        if live is None:
            return
        if not live.changed and (live.product_id != op.product_id or live.units != op.units):
            live.changed = True
            self._blame("order_changed", op.order_id, op)
        if op.outcome is ACCEPTED and op.kind is not READ:
            live.won += 1
            if live.won == 1:
                live.win = op
            elif live.won == 2:
                self._blame("order_applied_twice", op.order_id, live.win, op)
            live.flags[live.place] |= _WON

    def _unplaced(self, op: Operation) -> _Live | None:
        if self._bitsets.has(op.order_id, _ENDED):  # it came after its order's result
            if op.outcome is UNKNOWN and op.kind is not READ:
                self._unresolvable.discard(op.order_id)
            if op.outcome is ACCEPTED and op.kind is not READ:
                new, owed = self._bitsets.add(op.order_id, _WON), self._owed.pop(op.order_id, None)
                kind = "accepted_without_write" if owed else "won_but_told_lost" if new else "order_applied_twice"
                self._blame(kind, op.order_id, op)
            return None
        if not self._unnamed:
            self._strange(op.order_id)
            return None
        live = self._live[op.order_id] = _Live(op.product_id, op.units, *self._bitsets.at(op.order_id))
        return live

    def end(self, event: OrderEnded, ledger: Ledger) -> bool:
        """An order has its result; False if it had one before."""
        order_id = event.order_id
        live = self._live.pop(order_id, None)
        flags, place = (live.flags, live.place) if live else self._bitsets.at(order_id)
        if flags[place] & _ENDED:
            self._blame("order_answered_twice", order_id)
            return False
        flags[place] |= _ENDED
        self.ended += 1
        if live is None and not self._unnamed:
            self._strange(order_id)
            return True
        changed = live is not None and (live.product_id != event.product_id or live.units != event.units)
        if live is not None and changed and not live.changed:
            self._blame("order_changed", order_id)
        self._hold_against(event, live.win if live else None, ledger)
        flags[place] |= _TOLD.get(event.outcome, 0)
        if event.outcome is REJECTED and event.reason == Reason.SOLD_OUT:
            ledger.round.refusals.sold_out(event.units, order_id)
        return True

    def _hold_against(self, event: OrderEnded, won: Operation | None, ledger: Ledger) -> None:
        """Hold the result against the order's writes."""
        order_id, writes = event.order_id, ledger.unresolved.get(event.order_id)
        if event.outcome is ACCEPTED:
            if won is None and not (writes is not None and writes.applied):
                self._owe(order_id, ledger)
        elif won is not None:
            self._blame("won_but_told_lost", order_id, won)
        elif event.outcome is UNKNOWN and writes is None:
            self._unresolvable.add(order_id)

    def _owe(self, order_id: str, ledger: Ledger) -> None:
        """An order was told that its own lost write was applied: from here on it has to be."""
        if ledger.find(order_id):
            self._bitsets.add(order_id, _WON)
        elif len(self._owed) < _OWED:
            self._owed[order_id] = ledger  # its write may be told of after its result
        else:
            self._blame("accepted_without_write", order_id)

    def follow_owed(self) -> None:
        """Orders that were told to have won have done so by a write."""
        for order_id, ledger in self._owed.items():
            if ledger.find(order_id):
                self._bitsets.add(order_id, _WON)
            elif not self._bitsets.has(order_id, _WON):
                self._blame("accepted_without_write", order_id)
        self._owed = {}

    def told(self, order_id: str) -> Outcome | None:
        """What an order was told, `failed` also for throttled; None if nothing so far."""
        for outcome, flag in _TOLD.items():
            if self._bitsets.has(order_id, flag):
                return outcome
        return FAILED if self._bitsets.has(order_id, _ENDED) else None

    def live(self, product_id: str) -> int:
        """How many orders of the product have no result, and may have made one more request than is known."""
        if self._unnamed:
            return max(0, self.placed - self.ended)
        return sum(live.product_id == product_id and not live.won for live in self._live.values())

    def follow_sightings(self, ledger: Ledger, *, complete: bool) -> None:
        """Hold what the orders were told against who was seen to have made a version.

        Of a round that is not `complete` some orders may not be known.
        """
        before = ledger.initial.last_order
        placed = before is not None and (self._bitsets.has(before, _ENDED) or before in self._live)
        if before is not None and placed and self._bitsets.add(before, _STRANGE):
            self._earned(before)  # it took units before it was placed
        for version, order_id, op in ledger.history.sightings():
            writes = ledger.unresolved.get(order_id)
            if writes is not None:
                ledger.sighted(writes, version)
            elif self._is_strange(order_id, complete=complete):
                ledger.outside.stranger(order_id, version, op)
            elif self._bitsets.has(order_id, _WON) and ledger.history.versions.took(version) not in (
                None,
                *ledger.units,
            ):
                self._blame("external_write", order_id, op)  # whoever leaves no name leaves the last one's
            else:
                self._won_unseen(order_id, version, op, ledger)

    def _is_strange(self, order_id: str, *, complete: bool) -> bool:
        """Whether no order of this run has that name."""
        if order_id in self._live or self._bitsets.has(order_id, _WON | _ENDED):
            return False
        return complete or order_id.rpartition("-")[0] not in self._prefixes

    def _won_unseen(self, order_id: str, version: int, op: Operation, ledger: Ledger) -> None:
        live = self._live.get(order_id)
        ledger.applied(live.units if live else None, version)
        if not self._bitsets.add(order_id, _WON):
            self._blame("order_applied_twice", order_id, op)
        elif live is None and self._bitsets.has(order_id, _ENDED) and self.told(order_id) is not ACCEPTED:
            self._earned(order_id, op)

    def _earned(self, order_id: str, op: Operation | None = None) -> None:
        """An order took stock that none of its accepted writes accounts for."""
        told = self.told(order_id)
        if told is ACCEPTED:
            self._blame("order_applied_twice", order_id)
        elif told is REJECTED:
            self._blame("phantom_reject", order_id, op)
        elif told is not None:
            self._blame("won_but_told_lost", order_id, op)
        else:
            self._blame("external_write", order_id, op)

    def follow_unresolved(self, unresolved: Mapping[str, UnresolvedWrites]) -> None:
        """Hold what the orders were told against what became of their lost writes."""
        for order_id, writes in unresolved.items():
            writes.told = writes.told or self.told(order_id)
            if writes.judged >= writes.applied:
                continue
            first, writes.judged = not writes.judged, writes.applied
            if not (self._bitsets.add(order_id, _WON) or not first) or writes.applied > 1:
                self._blame("order_applied_twice", order_id, writes.last)
            elif writes.misled:
                self._blame("phantom_reject", order_id, writes.last)
            elif writes.told is FAILED:
                self._blame("won_but_told_lost", order_id, writes.last)

    def records(self, event: RecordsRead) -> None:
        """Records of orders were read; they are looked at when all orders have ended."""
        self._records.append(event)

    def follow_records(self, ledgers: Mapping[str, Ledger]) -> None:
        """The records of accepted orders are there, and of no others."""
        for event in self._records:
            self._follow(event, ledgers)
        self._records = []

    def _follow(self, event: RecordsRead, ledgers: Mapping[str, Ledger]) -> None:
        for record in event.found:
            self._recorded_as(record, ledgers.get(record.product_id))
        for order_id in (*event.missing, *event.fenced):
            if self.told(order_id) is ACCEPTED:
                self._blame("record_missing", order_id)
        fenced = set(event.fenced)
        for order_id in (*event.missing, *event.fenced):
            for ledger in ledgers.values():
                writes = ledger.unresolved.get(order_id)
                if writes is None or not writes.is_recorded:
                    continue
                if order_id in fenced:
                    for op in list(writes.open):
                        writes.close(op)
                else:
                    writes.expire(event.at_ns)

    def _recorded_as(self, record: Record, ledger: Ledger | None) -> None:
        order_id = record.order_id
        if not self._bitsets.add(order_id, _RECORDED):
            self._blame("recorded_twice", order_id)
            return
        live = self._live.get(order_id)
        placed_so = live is None or (live.product_id, live.units) == (record.product_id, record.units)
        if ledger is None or record.units not in ledger.units or not placed_so:
            self._blame("record_differs", order_id)
            return
        writes = ledger.unresolved.get(order_id)
        if self._bitsets.has(order_id, _WON) or (writes is not None and writes.applied):
            return
        if writes is not None and writes.open:
            ledger.recorded(writes)
        elif self.told(order_id) is not ACCEPTED:
            self._bitsets.add(order_id, _WON)
            ledger.history.add_unnumbered(order_id, None)
            ledger.applied(record.units)
            if live is None:
                self._earned(order_id)

    def _strange(self, order_id: str) -> None:
        if self._bitsets.add(order_id, _STRANGE):
            self._blame("order_invented", order_id)

    def _blame(self, kind: str, order_id: str, *operations: Operation | None) -> None:
        self._wrong.setdefault(kind, Evidence()).add(order_id, *operations)

    def violations(self, round_: int, product_id: str, *, complete: bool) -> Iterator[Violation]:
        """Each order that was placed has exactly one result, and it is the one that its writes earned."""
        missing = self.placed - self.ended - self._count("order_placed_twice") + self._count("order_invented")
        if complete and missing >= 0:
            missing = max(missing, len(self._live))  # of orders placed without saying which, those that did something
        if missing > 0 and complete:
            vanished = self._wrong["order_vanished"] = Evidence()
            for order_id in self._live:
                vanished.add(order_id)
            vanished.count = missing
        elif missing < 0:
            self._wrong["order_invented"] = Evidence(-missing)
        for kind, words in _MESSAGES.items():
            if (evidence := self._wrong.get(kind)) is not None:
                message = words.format(plural(evidence.count, "order"), "was" if evidence.count == 1 else "were")
                yield evidence.violation(kind, message, round_, product_id)

    def _count(self, kind: str) -> int:
        return self._wrong[kind].count if kind in self._wrong else 0


_MESSAGES = {
    "accepted_without_write": "{0} counted as accepted without an accepted write",
    "won_but_told_lost": "{0} won but {1} told otherwise",
    "phantom_reject": "{0} won but {1} told to have lost",
    "order_applied_twice": "{0} took stock more than once",
    "external_write": "{0} that {1} not placed here, or left no name, wrote the product",
    "record_missing": "{0} {1} accepted and left no record",
    "record_differs": "{0} left a record of something else",
    "recorded_twice": "{0} left two records",
    "order_changed": "{0} changed between being placed and ended",
    "order_placed_twice": "{0} {1} placed twice",
    "order_answered_twice": "{0} ended more than once",
    "order_vanished": "{0} never got a result",
    "order_invented": "{0} {1} never placed and yet took part",
}
OF_ORDERS = frozenset(_MESSAGES)  # kinds of violations
