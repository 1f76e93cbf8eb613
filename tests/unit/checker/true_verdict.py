"""What the reference says of a whole history: whether it fits a correct server, and what became of lost writes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from loadtest.events import (
    RESTOCK,
    Event,
    Kind,
    Operation,
    OrderEnded,
    Outcome,
    Reason,
    RecordsRead,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
    is_own,
)
from tests.unit.checker.exhaustive_search import Look, Write, explainable
from tests.unit.checker.history_steps import Steps
from tests.unit.checker.order_steps import Placed

WAITED_NS = 2_000_000_000  # a write not applied by then is taken as lost (docs/explanation/the-checker.md)
_PLENTY = 100


@dataclass(frozen=True)
class Truth:
    """Whether some order of the operations explains the answers, and also the results that orders were told.

    `lost` says of each order with a lost write whether every explanation has it applied, or none has; None if some
    have, be it later. `expired` are those of which no explanation has it applied by the last look, and that had their
    time; `refused` those that nobody can serve from what is there, until stock is set again. `unresolvable` ended as
    unknown and lost nothing, `told` that they won. The history is `open` if it was cut or nobody saw what its last
    round left, and something `untold` if an order was cut between a refused resend and its result.
    """

    explainable: bool
    truthful: bool
    lost: dict[str, Outcome | None]
    expired: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    unresolvable: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    open: bool = False
    untold: bool = False
    cut: bool = False

    @property
    def unresolved(self) -> tuple[int, int]:
        """Of how many orders nothing says whether they took their units: without those `refused`, and with them."""
        still = {order_id for order_id, was in self.lost.items() if was is None} - self.expired
        return len(still - self.refused) + len(self.unresolvable), len(still) + len(self.unresolvable)


def verdict_of(events: Sequence[Event]) -> Truth | None:
    """What is true of this history; None if it is none: events outside their round, or stamps that no clock gives."""
    if not is_history(events):
        return None
    steps = Steps(events)
    if steps.first is None:
        return Truth(explainable=True, truthful=True, lost={}, cut=True)
    truthful = not steps.faults and explainable(steps.first, [*steps.looks, *steps.told()], steps.writes())
    some = truthful or explainable(steps.first, steps.looks, steps.writes(told=False))
    if not truthful:
        return Truth(some, truthful, {}, cut=bool(steps.cut))
    unresolved = [order_id for order_id, placed in steps.orders.items() if placed.lost and not placed.accepted]
    lost = {order_id: _lost(order_id, steps, later=True) for order_id in unresolved}
    still = [order_id for order_id, was in lost.items() if was is None]
    return Truth(
        some,
        truthful,
        lost,
        expired=frozenset(order_id for order_id in still if _expired(order_id, steps)),
        refused=frozenset(order_id for order_id in still if _lost(order_id, steps, later=False) is not None),
        unresolvable=frozenset(order_id for order_id, placed in steps.orders.items() if _is_unresolvable(placed)),
        told=frozenset(order_id for order_id, placed in steps.orders.items() if _has_won(placed)),
        open=bool(steps.cut) or _is_open(events),
        untold=any(placed.end is None and placed.resent for placed in steps.orders.values()),
        cut=bool(steps.cut),
    )


def _has_won(placed: Placed) -> bool:
    return placed.end is not None and placed.end.outcome is Outcome.ACCEPTED


def _is_open(events: Sequence[Event]) -> bool:
    return not isinstance(events[-1], RoundEnded) or events[-1].product is None


def _is_unresolvable(placed: Placed) -> bool:
    return placed.end is not None and placed.end.outcome is Outcome.UNKNOWN and not placed.lost


def _lost(order_id: str, steps: Steps, *, later: bool) -> Outcome | None:
    """Whether its lost writes were applied, or one will be, perhaps of stock that is set `later`.

    That is in all explanations, in none (rejected), or in some (None).
    """
    assert steps.first is not None
    told = steps.told()
    looks = [*steps.looks, *(look for look in told if look.applied != order_id)]
    if len(looks) < len(steps.looks) + len(told):
        return Outcome.ACCEPTED  # it was told so, and the history can be explained
    writes = steps.writes(free=order_id)
    others = [one for one in writes if order_id not in one.groups or one.must]
    some = Look(-inf, inf, applied=order_id)
    theirs = [one for one in writes if order_id not in one.groups or not one.once.endswith(" in flight")]
    if later:
        theirs.append(Write(steps.latest + 1, inf, RESTOCK, "later", -_PLENTY, must=False, own=True))
    may_not, may = explainable(steps.first, looks, others), explainable(steps.first, [*looks, some], theirs)
    return None if may and may_not else Outcome.ACCEPTED if may else Outcome.REJECTED


def _expired(order_id: str, steps: Steps) -> bool:
    """Whether none of its lost writes can have been applied before the last look, which came late enough."""
    lost = steps.orders[order_id].lost
    if all(op.kind is Kind.TRANSACTION for op in lost):
        read_ns = steps.records_ns.get(order_id, 0)
        if all(read_ns - op.ended_ns >= WAITED_NS for op in lost):
            return True
    if steps.last_look < 0 or any(steps.last_look_ns - op.ended_ns < WAITED_NS for op in lost):
        return False
    assert steps.first is not None
    looks = [*steps.looks, *steps.told()]
    looks[steps.last_look] = replace(looks[steps.last_look], applied=order_id)
    return not explainable(steps.first, looks, steps.writes(free=order_id))


def is_history(events: Sequence[Event]) -> bool:
    """Whether each event stands in its round, rounds rise, all is of one product, and no stamp runs backwards."""
    products = {found for event in events if (found := _product_id(event)) is not None}
    if len(products) > 1 or any(_runs_backwards(event) for event in events):
        return False
    frame = _Frame(strict=False)
    return all(frame.takes(event) for event in events)


def is_run(events: Sequence[Event]) -> bool:
    """Whether a run may leave that: a round ends last of all in it, nothing follows one that was cut, records
    are read when all orders have ended, and no condition refuses a read.
    """
    frame = _Frame(strict=True)
    return is_history(events) and all(frame.takes(event) for event in events)


class _Frame:
    """Which events may come next."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._number = self._coming = 0
        self._started: RoundStarted | None = None  # the round under way
        self._latest_ns = 0  # of what happened in it
        self._restocked_ns = 0
        self._records_read = False
        self._asked: set[str] = set()  # orders that were refused, or shown too little
        self._order_ids: set[str] = set()

    def takes(self, event: Event) -> bool:
        if isinstance(event, StockSet | Restocked) and not is_own(event.name):
            return False
        if isinstance(event, StockSet):
            self._coming = max(self._coming, event.round)
            return self._started is None and event.round == self._coming > self._number
        if isinstance(event, RoundStarted):
            return self._start(event)
        started = self._started
        if started is None or event.round != self._number or is_own(getattr(event, "order_id", "")):
            return False
        fits = self._takes_in_round(event, started)
        if isinstance(event, Operation):
            return event.sent_ns >= started.started_ns and is_answer(event) and (fits or not self._strict)
        return fits or not self._strict

    def _takes_in_round(self, event: Event, started: RoundStarted) -> bool:
        if isinstance(event, RoundEnded):
            self._started = None
            return event.ended_ns >= self._latest_ns
        if isinstance(event, RecordsRead):
            self._records_read = True
            found = {record.order_id for record in event.found}
            return not found & {*event.missing, *event.fenced}
        if isinstance(event, Restocked):
            rises = event.at_ns >= self._restocked_ns
            self._restocked_ns, self._latest_ns = event.at_ns, max(self._latest_ns, event.at_ns + 1)
            began = not event.sent_ns or event.sent_ns >= started.started_ns
            return rises and began and event.at_ns >= started.started_ns
        if isinstance(event, OrderEnded | Operation):
            self._latest_ns = max(self._latest_ns, event.ended_ns)
            return not self._records_read and self._is_of_an_order(event)
        return True

    def _is_of_an_order(self, event: Operation | OrderEnded) -> bool:
        """Reads are answered or fail, and nobody is told that all is sold whose every answer shows enough."""
        if isinstance(event, Operation):
            if event.outcome is not Outcome.ACCEPTED or (event.quantity or 0) < event.units:
                self._asked.add(event.order_id)
            return event.kind is not Kind.READ or event.outcome in (
                Outcome.ACCEPTED,
                Outcome.FAILED,
                Outcome.THROTTLED,
            )
        return event.reason != Reason.SOLD_OUT or event.order_id in self._asked

    def _start(self, event: RoundStarted) -> bool:
        ids = {f"{event.prefix}-{n}" for n in range(1, event.orders + 1)} if event.prefix else set()
        fits = event.round > self._number and (self._coming <= self._number or event.round == self._coming)
        fits = fits and min(event.orders, event.units) >= 0 and not ids & self._order_ids
        fits = fits and (self._started is None or not self._strict)
        self._latest_ns, self._restocked_ns, self._records_read = event.started_ns, 0, False
        self._number, self._started = event.round, event
        self._order_ids |= ids
        return fits


def is_answer(op: Operation) -> bool:
    """What surely did nothing shows nothing."""
    return op.outcome not in (Outcome.FAILED, Outcome.THROTTLED) or (op.version, op.quantity) == (None, None)


def _product_id(event: Event) -> str | None:
    if isinstance(event, RoundStarted):
        return event.product.id
    return getattr(event, "product_id", None)


def _runs_backwards(event: Event) -> bool:
    if isinstance(event, RoundEnded):
        return 0 < event.read_ns < event.ended_ns
    if isinstance(event, StockSet):
        return not event.read_ns <= event.sent_ns <= event.at_ns
    if isinstance(event, Restocked):
        return event.at_ns < event.sent_ns
    return isinstance(event, Operation) and (event.received_ns < event.sent_ns or event.clock_uncertainty_ns < 0)
