"""Follows the events of a run and judges each round by the laws when it has ended."""

from collections import Counter
from collections.abc import Mapping

from loadtest.checker.ledger import Ledger
from loadtest.checker.results import Results
from loadtest.checker.verdict import Status, Tally, Verdict, Violation, plural, sentence
from loadtest.order import (
    Event,
    Kind,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Restocked,
    RoundEnded,
    RoundStarted,
)


class Checker:
    """A listener: call it with every event of a run, then ask for the `verdict`."""

    def __init__(self, lost: Mapping[str, tuple[int, int]] | None = None) -> None:
        """`lost` are the units and number of an earlier run's writes, by product, that may yet be applied."""
        self._number = 0
        self._ledgers: dict[str, Ledger] = {}  # of the round that goes on
        self._open = 0  # of them, those whose end was not seen
        self._results = Results()
        self._outcomes: Counter[Outcome] = Counter()
        self._violations: list[Violation] = []
        self._doubts: list[str] = []
        self._tally = Tally()
        self._lost: dict[str, tuple[int, int]] = dict(lost or {})

    def __call__(self, event: Event) -> None:
        """Take one event. Events of a round come between its start and its end; ValueError if they do not."""
        if isinstance(event, Operation):
            self._operation(event)
        elif isinstance(event, OrderEnded):
            if self._results.end(event, self._ledger(event)):
                self._outcomes[event.outcome] += 1
                self._tally.units.add(event.units)
        elif isinstance(event, OrderPlaced):
            self._ledger(event)
            self._results.placed += 1
        elif isinstance(event, RoundStarted):
            self._start(event)
        elif isinstance(event, Restocked):
            self._ledger(event).restock(event)
        elif isinstance(event, RoundEnded):
            ledger = self._ledger(event)
            self._open -= not ledger.complete
            ledger.final, ledger.complete = event.product, True
            if not self._open:
                self._close()

    def verdict(self) -> Verdict:
        """What all rounds so far showed. A round that has not ended is judged as one cut short."""
        self._close()
        violations, doubts = tuple(self._violations), tuple(self._doubts)
        if not violations and not self._decided():
            doubts = (*doubts, "no order was decided")
        status = Status.VIOLATED if violations else Status.INCONCLUSIVE if doubts else Status.SAFE
        return Verdict(status, sentence(status, self._tally, violations, doubts), violations, doubts)

    @property
    def lost(self) -> Mapping[str, tuple[int, int]]:
        """By product, the units and number of writes that may yet be applied after the rounds that were judged."""
        return self._lost

    def _decided(self) -> int:
        return self._tally.outcomes[Outcome.ACCEPTED] + self._tally.outcomes[Outcome.REJECTED]

    def _ledger(self, event: Operation | OrderEnded | OrderPlaced | Restocked | RoundEnded) -> Ledger:
        ledger = self._ledgers.get(event.product_id)
        if ledger is None or event.round != self._number:
            raise ValueError(f"an event of round {event.round} and product {event.product_id!r} outside that round")
        return ledger

    def _start(self, event: RoundStarted) -> None:
        product = event.product
        if event.round != self._number or product.id in self._ledgers:
            self._close()
        self._number = event.round
        # A lost write may still be applied in a later round: no round may be blamed for it.
        self._ledgers[product.id] = Ledger(event.round, product, self._lost.get(product.id, (0, 0)))
        self._open += 1
        self._results.placed += event.orders

    def _operation(self, op: Operation) -> None:
        ledger = self._ledger(op)
        if op.quantity is not None:
            ledger.see(op.quantity, op.order_id)
        if op.kind is Kind.READ:
            return
        if op.outcome is Outcome.ACCEPTED:
            ledger.accept(op)
            self._results.wrote(op)
        elif op.outcome is Outcome.REJECTED:
            ledger.refuse(op)
        elif op.outcome is Outcome.UNKNOWN:
            ledger.lose(op.units)
            self._results.wrote(op)

    def _close(self) -> None:
        ledgers, results = list(self._ledgers.values()), self._results
        if not ledgers:
            return
        first, number = ledgers[0].initial.id, self._number
        complete = all(ledger.complete for ledger in ledgers)
        for ledger in ledgers:
            self._violations.extend(ledger.writes())
        self._violations.extend(results.follow_writes(number, first))
        for ledger in ledgers:
            self._violations.extend(ledger.refusals())
        self._violations.extend(results.once(number, first, complete=complete))
        self._doubt(ledgers, complete)
        self._count(ledgers)
        self._lost.update((ledger.initial.id, ledger.lost) for ledger in ledgers if ledger.lost_writes)
        self._ledgers, self._results, self._outcomes, self._open = {}, Results(), Counter(), 0

    def _doubt(self, ledgers: list[Ledger], complete: bool) -> None:
        round_, unread = f"round {self._number:,}", sum(ledger.final is None for ledger in ledgers)
        if not complete:
            self._doubts.append(f"{round_} was cut short")
        elif unread:
            of = f" of {plural(unread, 'product')}" if len(ledgers) > 1 else ""
            self._doubts.append(f"the stock{of} after {round_} could not be read")
        if unknown := self._results.unknown:
            self._doubts.append(f"{plural(unknown, 'order')} of {round_} may or may not have been applied")

    def _count(self, ledgers: list[Ledger]) -> None:
        tally = self._tally
        tally.rounds += 1
        tally.orders += self._results.placed
        tally.products = max(tally.products, len(ledgers))
        tally.restocked |= any(ledger.restocked for ledger in ledgers)
        tally.stocks.update(ledger.initial.quantity for ledger in ledgers)
        tally.outcomes.update(self._outcomes)
        tally.winners[self._outcomes[Outcome.ACCEPTED]] += 1
