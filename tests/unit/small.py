"""Small histories of one product in a whole run for the reference: what a correct server and the tool leave behind."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any

from msgspec.structs import replace

from loadtest.order import (
    REJECTED_AFTER_RESEND,
    RESTOCK,
    Event,
    Kind,
    Operation,
    OrderPlaced,
    Outcome,
    Product,
    Reason,
    Record,
    RecordsRead,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
)
from tests.unit.builders import operation, order_ended
from tests.unit.mutations import mutated
from tests.unit.truth import is_history

LONG_NS = 3_000_000_000  # after which a lost write is taken as not applied
Process = Generator[float, None, Any]  # it yields when it goes on


@dataclass(frozen=True)
class Range:
    """What may be in a history."""

    kinds: tuple[str, ...] = ("version", "conditional", "transaction")
    fates: tuple[str, ...] = ("answered",) * 5 + (
        "lost",
        "lost",
        "blind",
        "blind",
        "resent",
        "met",
        "failed",
        "throttled",
    )
    units: tuple[int, ...] = (1, 1, 2)
    rounds: tuple[int, ...] = (1, 1, 2, 2, 3)
    most: int = 5  # orders in all
    stale: float = 0.15  # of the runs: their reads are not consistent
    loads: float = 0.4  # of the runs: orders are placed one by one
    restocks: float = 0.7  # of the loads
    silent: float = 0.3  # of the runs: no event tells of the tool's sets, nor when its restocks were sent
    nameless: float = 0.1  # of the runs: orders leave no names
    unread: float = 0.05  # of the rounds
    cut: float = 0.3  # of the runs


EVERYTHING = Range()


def histories(
    seed: int, count: int, range_: Range = EVERYTHING, changes: tuple[int, ...] = (0, 1, 2, 3)
) -> Iterator[tuple[list[str], list[Event]]]:
    """So many histories, each with so many changes as the next of `changes` says, and what was changed."""
    random = Random(seed)
    for n in range(count):
        labels, events = mutated(history(random, range_), random, changes[n % len(changes)])
        while not is_history(events):
            labels, events = mutated(history(random, range_), random, changes[n % len(changes)])
        yield labels, events


def history(random: Random, range_: Range = EVERYTHING) -> list[Event]:
    """The events of a run on a correct server, perhaps cut."""
    events = Run(random, range_).events()
    return events[: random.randint(1, len(events))] if random.random() < range_.cut else events


@dataclass
class _Order:
    order_id: str
    units: int
    round: int
    kind: str


class Run:
    """A correct server with one product, the tool that sets its stock, and orders; all takes its turn by the clock."""

    def __init__(self, random: Random, range_: Range) -> None:
        self.random, self.range = random, range_
        name = random.choice([None, RESTOCK, "restock-0", "earlier-1"])
        self.product = Product("p#4", "Last samovar", random.randint(0, 4), random.randint(1, 3), name)
        self.states = [self.product]
        self.log: list[Event] = []
        self.records: set[str] = set()
        self.barred: set[str] = set()
        self.silent = random.random() < range_.silent
        self.nameless = random.random() < range_.nameless
        self.stale = random.random() < range_.stale
        self.load = random.random() < range_.loads
        self.units = random.choice(range_.units)
        self.open = 0
        self.now: float = 0
        self._turns: list[tuple[float, int, Process]] = []
        self._count = 0

    def events(self) -> list[Event]:
        """Run it all."""
        self._spawn(1, self._tool())
        while self._turns:
            self.now, _, process = heappop(self._turns)
            then = next(process, None)
            if then is not None:
                self._spawn(then, process)
        return self.log

    def _spawn(self, at: float, process: Process) -> None:
        self._count += 1
        heappush(self._turns, (at, self._count, process))

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _answer_at(self) -> int:
        return int(self.now) + self.random.choice([1, 2, 4, 9])

    def _within(self, until: int) -> float:
        return self.random.uniform(self.now, until)

    # the tool

    def _tool(self) -> Process:
        rounds = self.random.choice(self.range.rounds)
        stock = self.random.randint(0, 3)
        for number in range(1, rounds + 1):
            fine = yield from (self._set_silently(stock) if self.silent else self._set_stock(number, stock))
            if not fine:
                return
            yield from self._round(number, self.random.randint(1, -(-self.range.most // rounds)))

    def _set_silently(self, stock: int) -> Process:
        seen = yield from self._own_read()
        if seen.quantity != stock:
            until = self._answer_at()
            yield self._within(until)
            if self.product.version != seen.version:
                return False
            self._apply(sets=stock, name=RESTOCK)
            yield until
        return True

    def _set_stock(self, number: int, stock: int) -> Process:
        for n in range(3):
            seen = yield from self._own_read()
            if seen.quantity == stock:
                return True
            sent, until, name = int(self.now), self._answer_at(), f"restock-{number}-{n}"
            applies = self._setting(seen.version, stock, name)
            if self._chance(0.25):
                outcome = Outcome.UNKNOWN
                self._some_time(until, applies)
            else:
                yield self._within(until)
                outcome = Outcome.ACCEPTED if applies() else Outcome.REJECTED
            yield until
            self.log.append(StockSet(number, "p#4", stock, seen.version, name, outcome, sent, until))
        return self._chance(0.5)

    def _setting(self, version: int, stock: int, name: str) -> Callable[[], bool]:
        def applies() -> bool:
            if self.product.version != version:
                return False
            self._apply(sets=stock, name=name)
            return True

        return applies

    def _some_time(self, until: int, applies: Callable[[], bool]) -> None:
        """A request without an answer: applied before it was given up, or later, or never."""
        when = self.random.random()
        if when < 0.4:
            self._spawn(self._within(until), self._effect(applies))
        elif when < 0.7:
            self._spawn(self.random.uniform(until, until + 60), self._effect(applies))

    def _effect(self, applies: Callable[[], bool]) -> Process:
        applies()
        yield from ()

    def _own_read(self) -> Process:
        until = self._answer_at()
        yield self._within(until)
        seen = self.product
        yield until
        return seen

    def _round(self, number: int, orders: int) -> Process:
        seen = yield from self._own_read()
        start = int(self.now) + 1
        prefix = f"a-{number}"
        named: dict[str, Any] = (
            {"orders": 0} if self.load else {"orders": orders, "prefix": prefix, "units": self.units}
        )
        self.log.append(RoundStarted(round=number, product=seen, started_ns=start, **named))
        kind = self.random.choice(self.range.kinds)
        mixed = self._chance(0.3)
        for n in range(1, orders + 1):
            kind = self.random.choice(self.range.kinds) if mixed else kind
            units = self.random.choice(self.range.units) if self.load else self.units
            self.open += 1
            order = _Order(f"{prefix}-{n}", units, number, kind)
            self._spawn(start + self.random.randint(1, 12), self._order(order))
        if self.load and self._chance(self.range.restocks):
            self.open += 1
            self._spawn(start + self.random.randint(1, 8), self._restocks(number))
        yield start + 1
        while self.open:
            yield self.now + 1
        yield from self._end(number, [f"{prefix}-{n}" for n in range(1, orders + 1)], "" if mixed else kind)

    def _end(self, number: int, order_ids: list[str], kind: str) -> Process:
        yield int(self.now) + 1
        ended = int(self.now)
        waits = self._chance(0.3)
        if kind == "transaction" and self._chance(0.6):
            yield from self._read_records(number, order_ids)
        if waits:
            yield self.now + LONG_NS
        seen = yield from self._own_read()
        unread = self._chance(self.range.unread)
        left, read_ns = (None, 0) if unread else (seen, int(self.now))
        self.log.append(RoundEnded(number, "p#4", left, ended, read_ns))

    def _read_records(self, number: int, order_ids: list[str]) -> Process:
        found = [order_id for order_id in order_ids if order_id in self.records]
        unknown = {one.order_id for one in self.log if isinstance(one, Operation) and one.outcome is Outcome.UNKNOWN}
        missing = [order_id for order_id in order_ids if order_id not in self.records]
        barred = [order_id for order_id in missing if order_id in unknown and self._chance(0.5)]
        self.barred.update(barred)
        yield int(self.now) + 1
        units = {one.order_id: one.units for one in self.log if isinstance(one, Operation)}
        records = [Record(order_id, "p#4", units[order_id]) for order_id in found]
        rest = [order_id for order_id in missing if order_id not in barred]
        self.log.append(RecordsRead(number, records, rest, int(self.now), barred))

    def _restocks(self, number: int) -> Process:
        for n in range(self.random.randint(1, 2)):
            sent, until, units = int(self.now), self._answer_at(), self.random.randint(1, 2)
            name = RESTOCK if self.silent or self._chance(0.3) else f"restock-r{number}-{n}"
            outcome = self.random.choice([Outcome.ACCEPTED] * 4 + [Outcome.UNKNOWN, Outcome.FAILED])
            said: dict[str, Any] = {}
            if outcome is Outcome.ACCEPTED:
                yield self._within(until)
                self._apply(takes=-units, name=name)
                said = {"version": self.product.version, "quantity": self.product.quantity}
            elif outcome is Outcome.UNKNOWN:
                self._some_time(until, self._adding(units, name))
            yield until
            if self.silent or self._chance(0.2):
                said = {}
            extra: dict[str, Any] = {} if self.silent else {"sent_ns": sent, "name": name}
            self.log.append(Restocked(number, "p#4", units, outcome, until, **extra, **said))
            yield until + self.random.randint(1, 6)
        self.open -= 1

    def _adding(self, units: int, name: str) -> Callable[[], bool]:
        def applies() -> bool:
            self._apply(takes=-units, name=name)
            return True

        return applies

    def _apply(self, *, name: str, takes: int = 0, sets: int | None = None, own: bool = True) -> None:
        now = self.product
        quantity = now.quantity - takes if sets is None else sets
        left = name if own or not self.nameless else now.last_order
        self.product = replace(now, quantity=quantity, version=now.version + 1, last_order=left)
        self.states.append(self.product)

    # orders

    def _order(self, order: _Order) -> Process:
        began = int(self.now)
        if self.load:
            self.log.append(OrderPlaced(order.round, order.order_id, "p#4", order.units, began, began))
        yield began + self.random.randint(0, 3)
        outcome, reason = Outcome.REJECTED, str(Reason.CONFLICT)
        for attempt in range(1, self.random.choice([1, 1, 1, 2]) + 1):
            outcome, reason = yield from self._attempt(order, attempt)
            if reason != Reason.CONFLICT and outcome is not Outcome.THROTTLED:
                break
            yield int(self.now) + 1
        yield int(self.now) + self.random.randint(0, 1)
        base = _base(order)
        self.log.append(order_ended(**base, outcome=outcome, reason=reason, scheduled_ns=began, ended_ns=int(self.now)))
        self.open -= 1

    def _attempt(self, order: _Order, attempt: int) -> Process:
        read_version = None
        if order.kind == "version":
            seen = yield from self._read(order, attempt, consistent=not self.stale)
            if seen.quantity < order.units:
                return Outcome.REJECTED, str(Reason.SOLD_OUT)
            read_version = seen.version
        yield int(self.now) + self.random.randint(0, 2)
        op = yield from self._write(order, attempt, read_version)
        if (
            op.outcome is Outcome.REJECTED
            and op.read_version is None
            and op.version is None
            and op.reason == "sold_out"
        ):
            yield from self._read(order, attempt, consistent=True)
        if op.outcome is Outcome.UNKNOWN and op.reason != REJECTED_AFTER_RESEND and self._chance(0.2):
            seen = yield from self._read(order, attempt, consistent=True)
            if seen.last_order == order.order_id:
                return Outcome.ACCEPTED, ""
        return op.outcome, op.reason

    def _read(self, order: _Order, attempt: int, *, consistent: bool) -> Process:
        sent, until = int(self.now), self._answer_at()
        yield self._within(until)
        seen = self.product if consistent else self.random.choice(self.states)
        yield until
        self._log_op(order, attempt, sent, kind=Kind.READ, consistent=consistent, **_shown(seen))
        return seen

    def _write(self, order: _Order, attempt: int, read_version: int | None) -> Process:
        kind = Kind.TRANSACTION if order.kind == "transaction" else Kind.WRITE
        fate = self.random.choice(self.range.fates)
        sent, until = int(self.now), self._answer_at()
        if fate in _NOT_APPLIED:
            yield until
            rests_on = None if fate == "met" else read_version
            return self._log_op(order, attempt, sent, kind=kind, read_version=rests_on, **_NOT_APPLIED[fate])
        if fate == "lost":
            self._some_time(until, lambda: self._take(order, read_version))
            yield until
            return self._log_op(order, attempt, sent, kind=kind, read_version=read_version, **_LOST)
        yield self._within(until)
        if fate == "resent":
            told = yield from self._resent(order, kind, read_version, until)
        else:
            told = self._told(order, kind, read_version, blind=fate == "blind")
        yield until
        return self._log_op(order, attempt, sent, kind=kind, read_version=read_version, **told)

    def _told(self, order: _Order, kind: Kind, read_version: int | None, *, blind: bool) -> dict[str, Any]:
        taken = self._take(order, read_version)
        reason = Reason.SOLD_OUT if read_version is None else Reason.CONFLICT
        told = {"outcome": Outcome.ACCEPTED} if taken else {"outcome": Outcome.REJECTED, "reason": str(reason)}
        silent = blind or (taken and kind is Kind.TRANSACTION)
        return told if silent else {**told, **_shown(self.product)}

    def _resent(self, order: _Order, kind: Kind, read_version: int | None, until: int) -> Process:
        """The client sends it twice: the second is refused, perhaps by what the first did; else the first was lost."""
        first = self._chance(0.6) and self._take(order, read_version)
        yield self._within(until)
        if not self._would_take(order, read_version):
            shown = {} if self._chance(0.3) else _shown(self.product)
            return {"outcome": Outcome.UNKNOWN, "reason": REJECTED_AFTER_RESEND, **shown}
        return _LOST if first else self._told(order, kind, read_version, blind=False)

    def _would_take(self, order: _Order, read_version: int | None) -> bool:
        now = self.product
        return now.quantity >= order.units if read_version is None else now.version == read_version

    def _take(self, order: _Order, read_version: int | None) -> bool:
        recorded = order.kind == "transaction"
        if not self._would_take(order, read_version) or (recorded and order.order_id in self.barred):
            return False
        self._apply(takes=order.units, name=order.order_id, own=False)
        if recorded:
            self.records.add(order.order_id)
        return True

    def _log_op(self, order: _Order, attempt: int, sent: int, **rest: Any) -> Operation:
        now = int(self.now)
        stamps = {"scheduled_ns": sent, "sent_ns": sent, "received_ns": now, "ended_ns": now}
        op = operation(**_base(order), attempt=attempt, **stamps, **rest)
        self.log.append(op)
        return op


_NOT_APPLIED: dict[str, dict[str, Any]] = {
    "met": {"outcome": Outcome.REJECTED, "reason": str(Reason.CONFLICT)},
    "failed": {"outcome": Outcome.FAILED, "reason": "AccessDeniedException"},
    "throttled": {"outcome": Outcome.THROTTLED, "reason": "ThrottlingException"},
}
_LOST: dict[str, Any] = {"outcome": Outcome.UNKNOWN, "reason": "ReadTimeoutError"}


def _base(order: _Order) -> dict[str, Any]:
    return {"order_id": order.order_id, "units": order.units, "round": order.round}


def _shown(product: Product) -> dict[str, Any]:
    return {"version": product.version, "quantity": product.quantity, "last_order": product.last_order}
