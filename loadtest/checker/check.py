"""Follows the events of a run and judges each round by the laws when it has ended."""

from collections import Counter

from loadtest.checker.laws import LAWS, Round, observe, settle
from loadtest.checker.verdict import Status, Tally, Verdict, Violation, plural, sentence
from loadtest.order import Event, Operation, OrderEnded, Outcome, RoundEnded, RoundStarted


class Checker:
    """A listener: call it with every event of a run, then ask for the `verdict`."""

    def __init__(self) -> None:
        self._open: Round | None = None
        self._violations: list[Violation] = []
        self._doubts: list[str] = []
        self._tally = Tally()
        self._lost: list[Operation] = []

    def __call__(self, event: Event) -> None:
        """Take one event. Events of a round come between its start and its end; ValueError if they do not."""
        if isinstance(event, RoundStarted):
            self._close()
            # A lost write may still be applied in a later round: no round may be blamed for it.
            self._open = Round(event.round, event.product, event.orders, lost=list(self._lost))
            return
        seen = self._open
        if seen is None or seen.round != event.round:
            raise ValueError(f"an event of round {event.round} outside that round")
        if isinstance(event, Operation):
            observe(seen, event)
        elif isinstance(event, OrderEnded):
            if event.order_id in seen.results:
                seen.repeated.append(event)
            else:
                seen.results[event.order_id] = event
        elif isinstance(event, RoundEnded):
            seen.final, seen.complete = event.product, True
            self._close()

    def verdict(self) -> Verdict:
        """What all rounds so far showed. A round that has not ended is judged as one cut short."""
        self._close()
        violations, doubts = tuple(self._violations), tuple(self._doubts)
        if not violations and not self._decided():
            doubts = (*doubts, "no order was decided")
        status = Status.VIOLATED if violations else Status.INCONCLUSIVE if doubts else Status.SAFE
        return Verdict(status, sentence(status, self._tally, violations, doubts), violations, doubts)

    def _decided(self) -> int:
        return self._tally.outcomes[Outcome.ACCEPTED] + self._tally.outcomes[Outcome.REJECTED]

    def _close(self) -> None:
        seen, self._open = self._open, None
        if seen is None:
            return
        settle(seen)
        self._lost = seen.lost
        for law in LAWS:
            self._violations.extend(law(seen))
        if not seen.complete:
            self._doubts.append(f"round {seen.round:,} was cut short")
        elif seen.final is None:
            self._doubts.append(f"the stock after round {seen.round:,} could not be read")
        outcomes = Counter(ended.outcome for ended in seen.results.values())
        unknown = {order for order, ended in seen.results.items() if ended.outcome is Outcome.UNKNOWN}
        unknown |= {op.order_id for op in seen.lost} & seen.results.keys()  # whatever they were told
        if unknown:
            message = f"{plural(len(unknown), 'order')} of round {seen.round:,} may or may not have been applied"
            self._doubts.append(message)
        self._count(seen, outcomes)

    def _count(self, seen: Round, outcomes: Counter[Outcome]) -> None:
        tally = self._tally
        tally.rounds += 1
        tally.orders += seen.placed
        tally.stocks.add(seen.initial.quantity)
        tally.units.update(ended.units for ended in seen.results.values())
        tally.outcomes.update(outcomes)
        tally.winners[outcomes[Outcome.ACCEPTED]] += 1
