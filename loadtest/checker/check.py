"""Follows the events of a run, and judges when a round has ended."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from loadtest.checker.bitsets import Room
from loadtest.checker.blame import culprits_first
from loadtest.checker.invariants import Invariants
from loadtest.checker.ledger import Ledger
from loadtest.checker.power import Chances, unexcluded
from loadtest.checker.reconcile import reconcile
from loadtest.checker.results import Results
from loadtest.checker.unresolved import UnresolvedWrites
from loadtest.checker.verdict import Power, Reconciled, Status, Tally, Verdict, Violation, plural, sentence
from loadtest.events import (
    Event,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Product,
    RecordsRead,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
)

_ANY = 1 << 30
Lost = Mapping[str, Mapping[str, UnresolvedWrites]]  # by product and order


class Checker:
    """A listener: call it with every event of a run, then ask for the `verdict`."""

    def __init__(
        self, lost: Lost | None = None, *, is_load: bool = False, exclude: float | None = None, several: bool = False
    ) -> None:
        """`lost` are an earlier run's writes that may yet be applied.

        A load (`is_load`) in which nothing contended is inconclusive, a race only where its stock was limited. So is a
        run that does not `exclude` that rate of double wins. If `several` processes placed its orders, the history of
        a load that was cut need not have all that were placed before something in it.
        """
        self._number = 0
        self._room = Room()
        self._ledgers: dict[str, Ledger] = {}
        self._current: dict[str, Ledger] = {}  # of the round that goes on
        self._open = 0  # of them, those whose end was not seen
        self._results = Results()
        self._outcomes: Counter[Outcome] = Counter()
        self._violations: list[Violation] = []
        self._reasons: list[str] = []
        self._unresolved: list[
            tuple[int, list[UnresolvedWrites], int]
        ] = []  # by round, with those of which no write was lost
        self._tally = Tally()
        self._phantoms = self._stale_reads = 0
        self._chances = Chances()
        self._is_load = is_load
        self._exclude = exclude
        self._several = several
        self._lost = {product_id: dict(by_order) for product_id, by_order in (lost or {}).items()}

    def __call__(self, event: Event) -> None:
        """Take one event. Events of a round come between its start and its end; ValueError if they do not."""
        if isinstance(event, Operation):
            self._ledger(event).operation(event)
            self._results.operation(event)
            self._chances.operation(event)
        elif isinstance(event, OrderEnded):
            if self._results.end(event, self._ledger(event)):
                self._outcomes[event.outcome] += 1
                self._tally.units.add(event.units)
            self._chances.order_ended(event)
        elif isinstance(event, OrderPlaced):
            self._ledger(event)
            self._results.place(event.order_id, event.product_id, event.units)
        elif isinstance(event, RoundStarted):
            self._start(event)
            self._chances.start(event)
        elif isinstance(event, StockSet):
            if event.product_id in self._current:
                self._close()
            self._product(event.before).set_stock(event)
        elif isinstance(event, Restocked):
            self._ledger(event).restock(event)
            self._chances.restock(event)
        elif isinstance(event, RecordsRead):
            if event.round != self._number or not self._current:
                raise ValueError(f"records of round {event.round} outside that round")
            self._results.records(event)
        elif isinstance(event, RoundEnded):
            self._end(event)
            self._chances.end(event)

    def verdict(self) -> Verdict:
        """What all rounds so far showed. A round that has not ended is judged as one cut short."""
        self._close()
        for ledger in self._ledgers.values():
            if ledger.begun:
                self._violations.extend(Invariants(ledger, 0).afterwards())
        violations, reconciled = tuple(self._violations), self._reconciled()
        reasons = (*self._reasons, *self._why_unresolved())
        tally = replace(self._tally, reconciled=reconciled)
        power, untested = self._chances.power(is_load=self._is_load), False
        if not violations and not self._decided() and not reconciled.accepted:
            reasons = (*reasons, "no order was decided")
        elif not violations and not reasons and (reason := self._weakness(power, reconciled)) is not None:
            untested = self._exclude is None
            reasons = (*reasons, reason)
        status = Status.VIOLATED if violations else Status.INCONCLUSIVE if reasons else Status.SAFE
        return Verdict(
            status=status,
            sentence=sentence(status, tally, violations, reasons),
            violations=violations,
            reasons=reasons,
            reconciled=reconciled,
            phantom_rejects=self._phantoms,
            stale_reads=self._stale_reads,
            power=power,
            untested=untested,
        )

    def _weakness(self, power: Power, reconciled: Reconciled) -> str | None:
        """Why the run could have shown too little."""
        if self._exclude is not None:
            return unexcluded(power, self._exclude)
        return self._chances.untested(is_load=self._is_load, reconciled=bool(reconciled.accepted))

    @property
    def lost(self) -> Lost:
        """The writes that may yet be applied after the rounds that were judged."""
        return self._lost

    @property
    def unresolved(self) -> list[UnresolvedWrites]:
        """The orders with lost writes of the rounds that were judged."""
        return [writes for _, unresolved, _ in self._unresolved for writes in unresolved]

    def _reconciled(self) -> Reconciled:
        outcomes = Counter(
            writes.outcome for writes in self.unresolved if not (writes.applied and writes.told is Outcome.ACCEPTED)
        )
        unresolvable = sum(unresolvable for *_, unresolvable in self._unresolved)
        return Reconciled(outcomes[Outcome.ACCEPTED], outcomes[Outcome.REJECTED], outcomes[None] + unresolvable)

    def _why_unresolved(self) -> Iterator[str]:
        for number, unresolved, unresolvable in self._unresolved:
            if unknown := unresolvable + sum(writes.outcome is None for writes in unresolved):
                yield f"{plural(unknown, 'order')} of round {number:,} may or may not have been applied"

    def _decided(self) -> int:
        return self._tally.outcomes[Outcome.ACCEPTED] + self._tally.outcomes[Outcome.REJECTED]

    def _ledger(self, event: Operation | OrderEnded | OrderPlaced | Restocked | RoundEnded) -> Ledger:
        ledger = self._current.get(event.product_id)
        if ledger is None or event.round != self._number:
            raise ValueError(f"an event of round {event.round} and product {event.product_id!r} outside that round")
        return ledger

    def _product(self, read: Product) -> Ledger:
        """A product as it was read, perhaps for the first time."""
        ledger = self._ledgers.get(read.id)
        if ledger is None:
            # A lost write may still be applied in a later run: no round may be blamed for it.
            ledger = self._ledgers[read.id] = Ledger(read, self._lost.get(read.id, {}), self._room)
            self._room.share(len(self._ledgers))
        return ledger

    def _start(self, event: RoundStarted) -> None:
        product = event.product
        if event.round != self._number or product.id in self._current:
            self._close()
        self._number = event.round
        ledger = self._current[product.id] = self._product(product)
        ledger.begin(event)
        self._open += 1
        if event.prefix:
            for n in range(1, event.orders + 1):
                self._results.place(f"{event.prefix}-{n}", product.id, event.units)
        elif event.orders:
            self._results.place_unnamed(event.orders)

    def _end(self, event: RoundEnded) -> None:
        ledger = self._ledger(event)
        if event.product is not None and event.product.id != event.product_id:
            raise ValueError(f"the end of product {event.product_id!r} shows {event.product.id!r}")
        self._open -= not ledger.round.complete
        ledger.end(event)
        if not self._open:
            self._close()

    def _close(self) -> None:
        ledgers, results = list(self._current.values()), self._results
        if not ledgers:
            return
        first, number = ledgers[0].initial.id, self._number
        complete = all(ledger.round.complete for ledger in ledgers)
        live = {ledger: self._live(ledger) for ledger in ledgers}
        results.follow_owed()
        results.follow_records(self._current)
        for ledger in ledgers:
            results.follow_sightings(ledger, complete=complete)
            reconcile(ledger, live[ledger])
            results.follow_unresolved(ledger.unresolved)
        violations = [violation for ledger in ledgers for violation in Invariants(ledger, live[ledger]).violations()]
        violations += results.violations(number, first, complete=complete)
        self._violations += culprits_first(violations)
        self._note_unresolved(ledgers, complete)
        self._count(ledgers)
        results.begin()
        self._current, self._outcomes, self._open = {}, Counter(), 0

    def _live(self, ledger: Ledger) -> int:
        """How many orders of the product may have one more request in flight."""
        if ledger.round.complete:
            return 0
        if self._several and ledger.round.placed_one_by_one:
            return _ANY
        return self._results.live(ledger.initial.id)

    def _note_unresolved(self, ledgers: list[Ledger], complete: bool) -> None:
        round_, unread = f"round {self._number:,}", sum(ledger.round.final is None for ledger in ledgers)
        if not complete:
            self._reasons.append(f"{round_} was cut short")
        elif unread:
            of = f" of {plural(unread, 'product')}" if len(ledgers) > 1 else ""
            self._reasons.append(f"the stock{of} after {round_} could not be read")
        unresolved = [
            writes
            for ledger in ledgers
            for writes in ledger.unresolved.values()
            if not (writes.pending or writes.counted)
        ]
        for writes in unresolved:
            writes.counted = True
        self._unresolved.append((self._number, unresolved, self._results.unresolvable))
        for ledger in ledgers:
            if lost := ledger.lost:
                self._lost[ledger.initial.id] = lost
            else:
                self._lost.pop(ledger.initial.id, None)

    def _count(self, ledgers: list[Ledger]) -> None:
        tally = self._tally
        tally.rounds += 1
        tally.orders += self._results.placed
        tally.products = max(tally.products, len(ledgers))
        tally.restocked |= any(ledger.round.stock.restocked for ledger in ledgers)
        tally.stocks.update(ledger.round.initial.quantity for ledger in ledgers)
        tally.outcomes.update(self._outcomes)
        reconciled = sum(
            writes.outcome is Outcome.ACCEPTED and writes.told is not Outcome.ACCEPTED
            for writes in self._unresolved[-1][1]
        )
        tally.winners[self._outcomes[Outcome.ACCEPTED] + reconciled] += 1
        self._phantoms += self._results.phantoms
        self._stale_reads += sum(ledger.stale_reads for ledger in ledgers)
