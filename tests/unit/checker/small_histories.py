"""Small histories of one product in a whole run for the reference: what a correct server and the tool leave behind."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from loadtest.events import (
    RESTOCK,
    Event,
    Operation,
    Outcome,
    Record,
    RecordsRead,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
)
from tests.unit.checker.mutated_histories import mutated
from tests.unit.checker.small_orders import Buyers
from tests.unit.checker.small_world import LONG_NS, Buyer, Process, Range, World
from tests.unit.checker.true_verdict import is_run

EVERYTHING = Range()


def histories(
    seed: int, count: int, range_: Range = EVERYTHING, changes: tuple[int, ...] = (0, 1, 2, 3)
) -> Iterator[tuple[list[str], list[Event]]]:
    """So many histories, each with so many changes as the next of `changes` says, and what was changed."""
    random = Random(seed)
    for n in range(count):
        labels, events = mutated(history(random, range_), random, changes[n % len(changes)])
        while not is_run(events):
            labels, events = mutated(history(random, range_), random, changes[n % len(changes)])
        yield labels, events


def history(random: Random, range_: Range = EVERYTHING) -> list[Event]:
    """The events of a run on a correct server, perhaps cut."""
    world = World(random, range_)
    world.spawn(1, Tool(world).run())
    events = world.run()
    return events[: random.randint(1, len(events))] if random.random() < range_.cut else events


class Tool:
    """What sets the stock, places orders round by round, and looks what is left."""

    def __init__(self, world: World) -> None:
        self._world, self._buyers = world, Buyers(world)

    def run(self) -> Process:
        """All rounds."""
        rounds = self._world.random.choice(self._world.range.rounds)
        stock = self._world.random.randint(0, 3)
        for number in range(1, rounds + 1):
            fine = yield from (self._set_silently(stock) if self._world.silent else self._set_stock(number, stock))
            if not fine:
                return
            yield from self._round(number, self._world.random.randint(1, -(-self._world.range.most // rounds)))

    def _set_silently(self, stock: int) -> Process:
        seen = yield from self._own_read()
        if seen.quantity != stock:
            until = self._world.answer_at()
            yield self._world.within(until)
            if self._world.product.version != seen.version:
                return False
            self._world.apply(sets=stock, name=RESTOCK)
            yield until
        return True

    def _set_stock(self, number: int, stock: int) -> Process:
        for n in range(3):
            asked = int(self._world.now)
            seen = yield from self._own_read()
            if seen.quantity == stock:
                return True
            sent, until, name = int(self._world.now), self._world.answer_at(), f"restock-{number}-{n}"
            applies = self._setting(seen.version, stock, name)
            if self._world.chance(0.25):
                outcome = Outcome.UNKNOWN
                self._world.some_time(until, applies)
            else:
                yield self._world.within(until)
                outcome = Outcome.ACCEPTED if applies() else Outcome.REJECTED
            yield until
            self._world.log.append(StockSet(number, seen, stock, name, outcome, asked, sent, until))
        return self._world.chance(0.5)

    def _setting(self, version: int, stock: int, name: str) -> Callable[[], bool]:
        def applies() -> bool:
            if self._world.product.version != version:
                return False
            self._world.apply(sets=stock, name=name)
            return True

        return applies

    def _own_read(self) -> Process:
        until = self._world.answer_at()
        yield self._world.within(until)
        seen = self._world.product
        yield until
        return seen

    def _round(self, number: int, orders: int) -> Process:
        seen = yield from self._own_read()
        start = int(self._world.now) + 1
        prefix = f"a-{number}"
        named: dict[str, Any] = (
            {"orders": 0} if self._world.load else {"orders": orders, "prefix": prefix, "units": self._world.units}
        )
        self._world.log.append(RoundStarted(round=number, product=seen, started_ns=start, **named))
        kind = self._world.random.choice(self._world.range.kinds)
        mixed = self._world.chance(0.3)
        for n in range(1, orders + 1):
            kind = self._world.random.choice(self._world.range.kinds) if mixed else kind
            units = self._world.random.choice(self._world.range.units) if self._world.load else self._world.units
            self._world.open += 1
            order = Buyer(f"{prefix}-{n}", units, number, kind)
            self._world.spawn(start + self._world.random.randint(1, 12), self._buyers.order(order))
        if self._world.load and self._world.chance(self._world.range.restocks):
            self._world.open += 1
            self._world.spawn(start + self._world.random.randint(1, 8), self._restocks(number))
        yield start + 1
        while self._world.open:
            yield self._world.now + 1
        yield from self._end(number, [f"{prefix}-{n}" for n in range(1, orders + 1)], "" if mixed else kind)

    def _end(self, number: int, order_ids: list[str], kind: str) -> Process:
        yield int(self._world.now) + 1
        ended = int(self._world.now)
        waits = self._world.chance(0.3)
        if kind == "transaction" and self._world.chance(0.6):
            yield from self._read_records(number, order_ids)
        if waits:
            yield self._world.now + LONG_NS
        seen = yield from self._own_read()
        unread = self._world.chance(self._world.range.unread)
        left, read_ns = (None, 0) if unread else (seen, int(self._world.now))
        self._world.log.append(RoundEnded(number, "p#4", left, ended, read_ns))

    def _read_records(self, number: int, order_ids: list[str]) -> Process:
        found = [order_id for order_id in order_ids if order_id in self._world.records]
        unknown = {
            one.order_id for one in self._world.log if isinstance(one, Operation) and one.outcome is Outcome.UNKNOWN
        }
        missing = [order_id for order_id in order_ids if order_id not in self._world.records]
        fenced = [order_id for order_id in missing if order_id in unknown and self._world.chance(0.5)]
        self._world.fenced.update(fenced)
        yield int(self._world.now) + 1
        units = {one.order_id: one.units for one in self._world.log if isinstance(one, Operation)}
        records = [Record(order_id, "p#4", units[order_id]) for order_id in found]
        rest = [order_id for order_id in missing if order_id not in fenced]
        self._world.log.append(RecordsRead(number, records, rest, int(self._world.now), fenced))

    def _restocks(self, number: int) -> Process:
        for n in range(self._world.random.randint(1, 2)):
            sent, until, units = int(self._world.now), self._world.answer_at(), self._world.random.randint(1, 2)
            name = RESTOCK if self._world.silent or self._world.chance(0.3) else f"restock-r{number}-{n}"
            outcome = self._world.random.choice([Outcome.ACCEPTED] * 4 + [Outcome.UNKNOWN, Outcome.FAILED])
            said: dict[str, Any] = {}
            if outcome is Outcome.ACCEPTED:
                yield self._world.within(until)
                self._world.apply(takes=-units, name=name)
                said = {"version": self._world.product.version, "quantity": self._world.product.quantity}
            elif outcome is Outcome.UNKNOWN:
                self._world.some_time(until, self._adding(units, name))
            yield until
            if self._world.silent or self._world.chance(0.2):
                said = {}
            extra: dict[str, Any] = {} if self._world.silent else {"sent_ns": sent, "name": name}
            self._world.log.append(Restocked(number, "p#4", units, outcome, until, **extra, **said))
            yield until + self._world.random.randint(1, 6)
        self._world.open -= 1

    def _adding(self, units: int, name: str) -> Callable[[], bool]:
        def applies() -> bool:
            self._world.apply(takes=-units, name=name)
            return True

        return applies
