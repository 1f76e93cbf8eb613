"""A correct server in miniature: orders as generators, a step at a time, and the events that they leave."""

import dataclasses
from collections.abc import Callable, Generator, Iterable, Sequence
from enum import Enum, auto
from random import Random
from typing import Any

from msgspec.structs import replace

from loadtest.checker import Checker, Status, Verdict
from loadtest.checker.bitsets import Room
from loadtest.events import (
    ACCEPTED,
    RESTOCK,
    SOLD_OUT,
    Event,
    Kind,
    Operation,
    Order,
    OrderEnded,
    Outcome,
    Product,
    Reason,
    Result,
    RoundEnded,
    RoundStarted,
)

CONFLICT = Result(Outcome.REJECTED, Reason.CONFLICT)
THROTTLED = Result(Outcome.THROTTLED, "ThrottlingException", "ThrottlingException: slow down")
FAILED = Result(Outcome.FAILED, "AccessDeniedException", "AccessDeniedException: no")
UNKNOWN = Result(Outcome.UNKNOWN, "ReadTimeoutError", "ReadTimeoutError: no answer")

STRATEGIES = ("version", "conditional", "transaction")


class Fate(Enum):
    """What becomes of a write."""

    ANSWERED = auto()
    THROTTLED = auto()
    MET_A_TRANSACTION = auto()  # refused, but not by its own condition
    ANSWER_LOST = auto()
    REQUEST_LOST = auto()
    APPLIED_LATE = auto()  # its answer is lost, and perhaps its order has long ended


Steps = Generator[None, None, None]  # between two steps anybody else may go on
Decide = Callable[[], Fate]
Schedule = Callable[[Sequence[Steps], list[Steps]], None]  # runs all orders, and late writes if it likes


def in_turn(orders: Sequence[Steps], late: list[Steps]) -> None:
    """Each order to its end before the next begins."""
    for order in orders:
        for _ in order:
            pass


def in_step(orders: Sequence[Steps], late: list[Steps]) -> None:
    """One step of each, again and again: all have read before one writes."""
    going = list(orders)
    while going:
        going = [order for order in going if next(order, "ended") is None]


def by_chance(random: Random) -> Schedule:
    """One step of any, late writes included, until all orders have ended."""

    def run(orders: Sequence[Steps], late: list[Steps]) -> None:
        going = list(orders)
        while going:
            chosen = random.choice([*going, *late])
            if next(chosen, "ended") is not None:
                (going if chosen in going else late).remove(chosen)

    return run


def always_answered() -> Fate:
    return Fate.ANSWERED


class Shop:
    """One product on a correct server, and the events of the rounds played on it."""

    def __init__(self, stock: int = 1, version: int = 1) -> None:
        self.product = Product("p#4", "Last samovar", stock, version)
        self.events: list[Event] = []
        self.applied: set[str] = set()  # orders that took their units, whatever they were told
        self._late: list[Steps] = []
        self._now_ns = 0

    def round(
        self,
        strategy: str,
        units: Sequence[int],
        *,
        schedule: Schedule = in_step,
        attempts: int = 1,
        waited_ns: int = 0,
        decide: Decide = always_answered,
    ) -> None:
        """One order for each of `units`, by the strategy `version`, `conditional` or `transaction`."""
        number = 1 + sum(isinstance(event, RoundEnded) for event in self.events)
        orders = [Order(f"{number}-{n}", self.product.id, wanted, number) for n, wanted in enumerate(units, 1)]
        named = (str(number), units[0]) if len(set(units)) == 1 else ("", 0)
        self.events.append(RoundStarted(number, self.product, len(orders), self._tick(), 0, *named))
        schedule([self._place(order, strategy, attempts, decide) for order in orders], self._late)
        ended_ns = self._tick()
        self._now_ns += waited_ns
        self.events.append(RoundEnded(number, self.product.id, self.product, ended_ns, self._tick()))

    def refill(self, stock: int) -> None:
        """Set the quantity between two rounds."""
        if stock != self.product.quantity:
            version = self.product.version + 1
            self.product = replace(self.product, quantity=stock, version=version, last_order=RESTOCK)

    def _tick(self) -> int:
        self._now_ns += 1
        return self._now_ns

    def _place(self, order: Order, strategy: str, attempts: int, decide: Decide) -> Steps:
        kind = Kind.TRANSACTION if strategy == "transaction" else Kind.WRITE
        for attempt in range(1, attempts + 1):
            read_version = None
            if strategy == "version":
                sent_ns = self._tick()
                seen = self.product
                yield
                self._answer(order, Kind.READ, attempt, ACCEPTED, seen, sent_ns=sent_ns)
                if seen.quantity < order.units:
                    return self._end(order, SOLD_OUT, attempt)
                read_version = seen.version
            sent_ns = self._tick()
            yield
            result = yield from self._write(order, attempt, kind, read_version, decide(), sent_ns)
            if result.outcome is not Outcome.THROTTLED and result != CONFLICT:
                break
        return self._end(order, result, attempt)

    def _write(
        self, order: Order, attempt: int, kind: Kind, read_version: int | None, fate: Fate, sent_ns: int
    ) -> Generator[None, None, Result]:
        if fate is Fate.THROTTLED:
            return self._answer(order, kind, attempt, THROTTLED, None, read_version, sent_ns=sent_ns)
        if fate is Fate.MET_A_TRANSACTION:
            return self._answer(order, kind, attempt, CONFLICT, None, sent_ns=sent_ns)
        if fate is Fate.APPLIED_LATE:
            self._late.append(self._later(order, read_version))
        taken = fate in (Fate.ANSWERED, Fate.ANSWER_LOST) and self._take(order, read_version)
        seen = None if taken and kind is Kind.TRANSACTION else self.product
        yield
        if fate is not Fate.ANSWERED:
            return self._answer(order, kind, attempt, UNKNOWN, None, read_version, sent_ns=sent_ns)
        refused = SOLD_OUT if read_version is None else CONFLICT
        told = ACCEPTED if taken else refused
        return self._answer(order, kind, attempt, told, seen, read_version, sent_ns=sent_ns)

    def _take(self, order: Order, read_version: int | None) -> bool:
        """Check and write at one moment: by version if one was read, otherwise by quantity."""
        now, units = self.product, order.units
        allowed = now.quantity >= units if read_version is None else now.version == read_version
        if allowed:
            self.applied.add(order.order_id)
            left = {"quantity": now.quantity - units, "version": now.version + 1}
            self.product = replace(now, **left, last_order=order.order_id)
        return allowed

    def _later(self, order: Order, read_version: int | None) -> Steps:
        self._take(order, read_version)
        yield

    def _answer(
        self,
        order: Order,
        kind: Kind,
        attempt: int,
        result: Result,
        seen: Product | None,
        read_version: int | None = None,
        *,
        sent_ns: int,
    ) -> Result:
        event = operation(
            **_of(order, result),
            kind=kind,
            attempt=attempt,
            read_version=read_version,
            version=seen.version if seen else None,
            quantity=seen.quantity if seen else None,
            last_order=seen.last_order if seen else None,
            scheduled_ns=sent_ns,
            sent_ns=sent_ns,
            received_ns=self._tick(),
            ended_ns=self._tick(),
        )
        self.events.append(event)
        return result

    def _end(self, order: Order, result: Result, attempts: int) -> None:
        stamps = {"scheduled_ns": self._tick(), "ended_ns": self._tick()}
        self.events.append(order_ended(**_of(order, result), attempts=attempts, **stamps))


def _of(order: Order, result: Result) -> dict[str, Any]:
    return {
        "round": order.round,
        "order_id": order.order_id,
        "product_id": order.product_id,
        "units": order.units,
        "outcome": result.outcome,
        "reason": result.reason,
        "message": result.message,
    }


_ORDER = Order("1-1", "p#4", 1, 1)


def operation(**changes: Any) -> Operation:
    """An accepted write of the order 1-1, changed."""
    rest: dict[str, Any] = {"kind": Kind.WRITE, "attempt": 1, "read_version": None, "version": None, "quantity": None}
    rest["capacity"] = None
    stamps = {"scheduled_ns": 10, "sent_ns": 20, "received_ns": 30, "ended_ns": 40}
    return Operation(**{**_of(_ORDER, ACCEPTED), **rest, **stamps, **changes})


def order_ended(**changes: Any) -> OrderEnded:
    """The end of the order 1-1, accepted at once, changed."""
    return OrderEnded(**{**_of(_ORDER, ACCEPTED), "attempts": 1, "scheduled_ns": 10, "ended_ns": 40, **changes})


def one_round(strategy: str = "version", *, stock: int = 1, units: Sequence[int] = (1, 1, 1)) -> list[Event]:
    """The events of one safe round in which all read before one writes."""
    shop = Shop(stock)
    shop.round(strategy, units)
    return shop.events


def judge(events: Iterable[Event], room: int | None = None) -> Verdict:
    """The verdict, but safe is also what only put nothing to the test: most stories are too short to do so.

    With `room` it is as if the checker could remember only so many operations of a product.
    """
    checker = Checker()
    if room is not None:
        checker._room = Room(room, room)  # noqa: SLF001 - how small it is must not matter
    for event in events:
        checker(event)
    verdict = checker.verdict()
    if not verdict.untested:
        return verdict
    said = verdict.sentence.partition(": inconclusive (")[0]
    return dataclasses.replace(verdict, status=Status.SAFE, sentence=f"{said}: safe", reasons=())
