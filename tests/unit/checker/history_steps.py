"""What the events of a run of one product stand for: looks and writes for the reference, and what orders were told.

This says what each event is worth as evidence, and nothing else: whether it fits together the search finds out.
"""

from collections.abc import Iterable
from math import inf

from loadtest.events import (
    RESTOCK,
    Event,
    Kind,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Reason,
    RecordsRead,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
    is_own,
)
from tests.unit.checker.exhaustive_search import Look, Shown, State, Write
from tests.unit.checker.order_steps import MAY_HAVE_WON, RECORDED, Placed, looks_of, writes_of


class Steps:
    """What a run's events stand for, product by product being somebody else's business."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.first: State | None = None  # what the run began with, None if no round did
        self.began_with = 0  # the version that the run began with
        self.looks: list[Look] = []
        self.orders: dict[str, Placed] = {}
        self.faults: list[str] = []  # what no order of operations can mend
        self.cut: set[int] = set()  # rounds that have not ended
        self.last_look = -1  # which of the looks is the last at what a round left
        self.last_look_ns = 0
        self.records_ns: dict[str, int] = {}  # orders that had no record by then
        self.latest: float = 0  # stamp of them all
        self._own: list[Write] = []
        self._begun = False  # a round
        self._sets = False
        self._recorded: set[str] = set()
        self._product_id = ""
        self._since: float = -inf  # the tool's last own request was answered
        self._began: float = -inf  # the round
        self._latest_end = ""  # which look
        self._records_read: float = -inf
        self._unnamed = 0  # orders of the round of which no event told yet
        self._restock_since: float = -inf
        self._ended: float = -inf  # the last order of the round that ended
        self._loads: dict[
            int, float
        ] = {}  # rounds whose orders came one by one, and when the last restock was answered
        for event in events:
            self._take(event)
        self._finish()

    def _take(self, event: Event) -> None:
        if isinstance(event, StockSet):
            self._set(event)
        elif isinstance(event, RoundStarted):
            self._start(event)
        elif isinstance(event, OrderPlaced):
            self._place(event.order_id, event.round, event.units, event.started_ns)
        elif isinstance(event, Operation):
            self._operation(event)
        elif isinstance(event, OrderEnded):
            self._end(event)
        elif isinstance(event, Restocked):
            self._restock(event)
        elif isinstance(event, RecordsRead):
            self._records(event)
        elif isinstance(event, RoundEnded):
            self._close(event)

    def _set(self, event: StockSet) -> None:
        before = (event.before.version, event.before.quantity, event.before.last_order)
        self.first = self.first or before
        self.looks.append(Look(event.read_ns, event.sent_ns, before, name=f"before set {len(self._own)}"))
        self._product_id = event.product_id
        self._sets = True
        until, name = event.at_ns, f"set {len(self._own)}"
        sent = max(event.sent_ns, self._next(until))
        if event.outcome is Outcome.REJECTED:
            self.looks.append(Look(sent, until, not_version=event.before.version))
        elif event.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            sure = event.outcome is Outcome.ACCEPTED
            self._own.append(
                Write(sent, until if sure else inf, event.name, name, sets=event.quantity,
                      rests_on=event.before.version, must=sure, own=True)
            )  # fmt: skip
        self._since = until

    def _next(self, by: float) -> float:
        """When the tool may have made its next request: after its last, though their stamps may touch."""
        return min(self._since + 0.5, by)

    def _start(self, event: RoundStarted) -> None:
        product = event.product
        self._product_id = product.id
        shown = (product.version, product.quantity, product.last_order)
        if not self._begun:
            self.first, self._begun = self.first or shown, True
            self.began_with = self.first[0]
        elif not self._sets:
            self._hidden_sets(event)
        name = f"start of round {event.round}"
        self.looks.append(Look(self._next(event.started_ns), event.started_ns, shown, name=name))
        self._since = self._restock_since = self._ended = self._began = event.started_ns
        self._records_read = -inf
        self.cut.add(event.round)
        if not event.orders:
            self._loads[event.round] = event.started_ns
        if not event.prefix:
            self._unnamed = event.orders
        for n in range(1, event.orders + 1 if event.prefix else 0):
            self._place(f"{event.prefix}-{n}", event.round, event.units, event.started_ns)

    def _hidden_sets(self, event: RoundStarted) -> None:
        """Histories without a word of it: the tool may have set the stock once, to whatever it wanted."""
        perhaps = sum(op.units for placed in self.orders.values() for op in placed.lost)
        perhaps += sum(placed.units for placed in self.orders.values() if placed.end is None)
        since, name = self._next(event.started_ns), f"start of round {event.round}"
        for quantity in range(event.product.quantity, event.product.quantity + perhaps + 1):
            self._own.append(
                Write(since, event.started_ns, RESTOCK, f"before {name}", sets=quantity, must=False, own=True,
                      after=self._latest_end, before=name)
            )  # fmt: skip

    def _place(self, order_id: str, round_: int, units: int, began: float) -> None:
        if order_id in self.orders:
            self.faults.append(f"{order_id} placed twice")
        else:
            self.orders[order_id] = Placed(round_, units, began, began)

    def _find(self, event: Operation | OrderEnded) -> Placed | None:
        """The order; where orders are placed without saying which, their events tell."""
        if event.order_id not in self.orders and self._unnamed:
            self._unnamed -= 1
            self._place(event.order_id, event.round, event.units, self._began)
        return self.orders.get(event.order_id)

    def _operation(self, op: Operation) -> None:
        placed = self._find(op)
        if placed is None or placed.round != op.round:
            self.faults.append(f"{op.order_id} invented")
            return
        if placed.end is None and placed.units != op.units:
            self.faults.append(f"{op.order_id} changed")
        if placed.end is not None and op.kind is not Kind.READ and op.outcome is Outcome.ACCEPTED:
            self.faults.append(f"{op.order_id} accepted after its end")
        placed.ops.append(op)
        placed.since = max(placed.since, op.received_ns + 0.5)  # after its last answer, though the stamps may touch
        self.looks += looks_of(op, self.began_with)

    def _end(self, event: OrderEnded) -> None:
        placed = self._find(event)
        if placed is None:
            self.faults.append(f"{event.order_id} invented")
            return
        if placed.end is not None:
            self.faults.append(f"{event.order_id} ended twice")
        if placed.units != event.units or placed.round != event.round:
            self.faults.append(f"{event.order_id} changed")
        placed.end = placed.end or event
        self._ended = max(self._ended, event.ended_ns)

    def _restock(self, event: Restocked) -> None:
        if event.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            sure = event.outcome is Outcome.ACCEPTED
            since = event.sent_ns or min(self._restock_since + 0.5, event.at_ns)
            self._own.append(
                Write(since, event.at_ns if sure else inf, event.name, f"restock {len(self._own)}", -event.units,
                      shown=(event.version, event.quantity, None), must=sure, own=True)
            )  # fmt: skip
        self._restock_since = event.at_ns
        if event.round in self._loads:
            self._loads[event.round] = event.at_ns

    def _records(self, event: RecordsRead) -> None:
        since, self._records_read = min(self._ended, event.at_ns), event.at_ns
        for record in event.found:
            placed = self.orders.get(record.order_id)
            fits = placed is not None and record.units == placed.units and record.product_id == self._product_id
            fits &= placed is not None and placed.round == event.round
            fits &= record.order_id not in self._recorded
            self._recorded.add(record.order_id)
            lost = placed is not None and placed.end is not None and placed.end.outcome not in MAY_HAVE_WON
            if not fits or lost:
                self.faults.append(f"record of {record.order_id}")
            self.looks.append(Look(since, event.at_ns, applied=record.order_id))
        for order_id in (*event.missing, *event.fenced):
            placed = self.orders.get(order_id)
            if placed is not None and placed.end is not None and placed.end.outcome is Outcome.ACCEPTED:
                self.faults.append(f"no record of {order_id}")
            if placed is not None:
                placed.fenced |= order_id in event.fenced
            self.records_ns[order_id] = event.at_ns
            self.looks.append(Look(since, event.at_ns, missing=RECORDED + order_id))

    def _close(self, event: RoundEnded) -> None:
        self.cut.discard(event.round)
        if self._unnamed:
            self.faults.append(f"{self._unnamed} vanished")
            self._unnamed = 0
        self._since = max(event.ended_ns, event.read_ns)
        if (left := event.product) is not None:
            self.last_look, self.last_look_ns = len(self.looks), event.read_ns
            shown = (left.version, left.quantity, left.last_order)
            self._latest_end = f"end of round {event.round}"
            until = event.read_ns or inf
            since = min(max(event.ended_ns, self._records_read), until)  # records are read before
            self.looks.append(Look(since, until, shown, name=self._latest_end))

    def _finish(self) -> None:
        stamps = [look.received for look in self.looks] + [write.received for write in self.writes(told=False)]
        self.latest = max((stamp for stamp in stamps if stamp < inf), default=0)
        begun = self.orders.keys() | {one.name for one in self._own if one.sets is not None} - {RESTOCK}
        if self.first is not None and self.first[0] == self.began_with and self.first[2] in begun:
            self.faults.append(f"{self.first[2]} had been left before it could be")
        self.faults += [
            f"{order_id} was accepted and told otherwise"
            for order_id, placed in self.orders.items()
            if placed.accepted and placed.end is not None and placed.end.outcome is not Outcome.ACCEPTED
        ]
        self.faults += [
            f"{order_id} vanished"
            for order_id, placed in self.orders.items()
            if placed.end is None and placed.round not in self.cut
        ]
        shown = {state[2] for state in self._shown()} - {one.name for one in self._own}
        strange = sorted({name for name in shown if name is not None and is_own(name)} | {RESTOCK})
        for round_ in self.cut & self._loads.keys():
            self._hidden_restocks(round_, strange)
        self._hidden_orders(shown)

    def _shown(self) -> list[Shown]:
        """What anybody was shown."""
        return [look.shown for look in self.looks] + [write.shown for write in self.writes(told=False)]

    def _hidden_restocks(self, round_: int, names: list[str]) -> None:
        """The tool was perhaps adding units when the history ended: nobody wrote down how many, or which name."""
        quantities = [state[1] for state in self._shown() if state[1] is not None]
        most = max(quantities, default=0) + sum(placed.units for placed in self.orders.values()) + 1
        since, once = self._loads[round_], f"restock in flight, round {round_}"
        for name in names:
            for units in range(1, most + 1):
                self._own.append(Write(since, inf, name, once, -units, must=False, own=True))

    def _hidden_orders(self, shown: set[str | None]) -> None:
        """Orders of which nothing is known but that they were placed may have done anything until the end."""
        names = [name for name in shown - self.orders.keys() if name is not None and not is_own(name)] or ["?"]
        for n in range(self._unnamed):
            for name in names:
                for units in {placed.units for placed in self.orders.values()} or {1, 2}:
                    self._own.append(Write(self._began, inf, name, f"unknown order {n}", units, must=False))

    def writes(self, *, free: str = "", told: bool = True) -> list[Write]:
        """All writes; if orders were `told` the truth, those that fit it, whatever the order `free` was told."""
        found = list(self._own)
        for order_id, placed in self.orders.items():
            found += writes_of(order_id, placed, told=told and order_id != free, cut=placed.round in self.cut)
        return found

    def told(self) -> list[Look]:
        """What the orders' results say besides: that one of its writes was applied, or that too little was left."""
        found = []
        for order_id, placed in self.orders.items():
            end = placed.end
            if end is not None and end.outcome is Outcome.ACCEPTED and not placed.accepted:
                found.append(Look(placed.began, end.ended_ns, applied=order_id))
            elif end is not None and end.outcome is Outcome.REJECTED and end.reason == Reason.SOLD_OUT:
                short = any(op.quantity is not None and op.quantity < end.units for op in placed.ops)
                if not short:  # otherwise its own answers are the cause, and must be explained themselves
                    fresh = all(op.consistent for op in placed.ops)
                    since = min(
                        placed.began + 0.5, end.ended_ns
                    )  # after what was read before it, though stamps may touch
                    found.append(Look(since if fresh else -inf, end.ended_ns, short_of=end.units))
        return found
